// swift-tools-version: 6.3
import PackageDescription

/// The same switches as the library's own targets.
let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
]

let package = Package(
    name: "signalbox-benchmarks",
    platforms: [.macOS("26.0")],
    products: [.executable(name: "bench", targets: ["bench"])],
    dependencies: [
        .package(name: "signalbox", path: ".."),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
    ],
    targets: [
        .systemLibrary(name: "CFloor"),
        .executableTarget(
            name: "bench",
            dependencies: [
                "CFloor",
                .product(name: "RedisCore", package: "signalbox"),
                .product(name: "EventBus", package: "signalbox"),
                .product(name: "Coordination", package: "signalbox"),
                .product(name: "Cache", package: "signalbox"),
                .product(name: "EmbeddedRedis", package: "signalbox"),
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: strict
        ),
    ]
)
