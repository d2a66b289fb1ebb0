// swift-tools-version: 6.3
import PackageDescription

/// Warnings are errors in `Scripts/test`, which sets the variable.
///
/// A setting of the command line would reach the dependencies too, and a package that asks for it unconditionally
/// cannot be depended upon.
let warnings: [SwiftSetting] =
    Context.environment["SIGNALBOX_STRICT"] == nil ? [] : [.treatAllWarnings(as: .error)]

/// One set of switches for every target, so that no room is laxer than another.
let strict: [SwiftSetting] =
    warnings + [
        .swiftLanguageMode(.v6),
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("MemberImportVisibility"),
        .enableUpcomingFeature("InternalImportsByDefault"),
        .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    ]

let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let metrics = Target.Dependency.product(name: "Metrics", package: "swift-metrics")
let tracing = Target.Dependency.product(name: "Tracing", package: "swift-distributed-tracing")
let lifecycle = Target.Dependency.product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let deque = Target.Dependency.product(name: "DequeModule", package: "swift-collections")
let heap = Target.Dependency.product(name: "HeapModule", package: "swift-collections")
let yams = Target.Dependency.product(name: "Yams", package: "Yams")

/// A program of `Examples/`, built like the rest and run by `Scripts/examples`.
func example(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .executableTarget(name: name, dependencies: dependencies, path: "Examples/\(name)", swiftSettings: strict)
}

let package = Package(
    name: "signalbox",
    platforms: [.macOS("26.0")],
    products: [
        .library(name: "RedisCore", targets: ["RedisCore"]),
        .library(name: "EventBus", targets: ["EventBus"]),
        .library(name: "Coordination", targets: ["Coordination"]),
        .library(name: "Cache", targets: ["Cache"]),
        .library(name: "Services", targets: ["Services"]),
        .library(name: "Webhooks", targets: ["Webhooks"]),
        .library(name: "EmbeddedRedis", targets: ["EmbeddedRedis"]),
        .executable(name: "worker", targets: ["worker"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-distributed-tracing", from: "1.7.0"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.0"),
        .package(url: "https://github.com/hummingbird-project/swift-mustache", from: "2.1.0"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.0"),
    ],
    targets: [
        .systemLibrary(name: "CLibuv"),
        .systemLibrary(name: "CHiredis"),
        .systemLibrary(name: "CZstd"),
        .target(
            name: "RedisCore",
            dependencies: ["CLibuv", "CHiredis", logging, metrics, lifecycle, deque, heap],
            swiftSettings: strict
        ),
        .target(
            name: "EventBus",
            dependencies: ["RedisCore", logging, metrics, tracing, lifecycle, deque],
            swiftSettings: strict
        ),
        .target(
            name: "Coordination",
            dependencies: ["RedisCore", logging, metrics, tracing, lifecycle, deque],
            swiftSettings: strict
        ),
        .target(
            name: "Cache",
            dependencies: ["RedisCore", "CZstd", logging, metrics, tracing, lifecycle, deque, heap],
            swiftSettings: strict
        ),
        .target(name: "Webhooks", dependencies: ["Cache", "RedisCore"], swiftSettings: strict),
        .target(
            name: "EmbeddedRedis",
            dependencies: ["RedisCore", logging, lifecycle],
            swiftSettings: strict
        ),
        .target(name: "ConfigurationFiles", dependencies: ["RedisCore", yams], swiftSettings: strict),
        .target(
            name: "Services",
            dependencies: [
                "Cache", "Coordination", "EventBus", "RedisCore", "ConfigurationFiles", logging, lifecycle, yams,
            ],
            swiftSettings: strict
        ),
        .executableTarget(
            name: "worker",
            dependencies: [
                "RedisCore", "EventBus", "Coordination", "EmbeddedRedis", "ConfigurationFiles", logging, metrics,
                lifecycle, deque, yams,
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Mustache", package: "swift-mustache"),
                .product(name: "Subprocess", package: "swift-subprocess"),
            ],
            swiftSettings: strict
        ),
        example("QuickStart", ["RedisCore", "EventBus", "Coordination"]),
        example(
            "OrderService",
            [
                "RedisCore", "EventBus", "EmbeddedRedis", logging, lifecycle,
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ]),
        example("OnceAndLock", ["RedisCore", "Coordination", "EmbeddedRedis"]),
        example("RateLimiting", ["RedisCore", "Coordination", "EmbeddedRedis"]),
        example("LockKinds", ["RedisCore", "Coordination", "EmbeddedRedis"]),
        example("LeaderAndPermits", ["RedisCore", "Coordination", "EmbeddedRedis"]),
        example("CachedUserRepository", ["RedisCore", "Cache", "EmbeddedRedis"]),
        example("KeyValueServices", ["RedisCore", "Cache", "Services", "EmbeddedRedis"]),
        example("BasicCache", ["RedisCore", "Cache", "EmbeddedRedis"]),
        example("DistributedLock", ["RedisCore", "Coordination", "EmbeddedRedis"]),
        example("MultiTenant", ["RedisCore", "Cache", "EmbeddedRedis"]),
        example("GameBoard", ["RedisCore", "Cache", "EmbeddedRedis"]),
        example("SessionManager", ["RedisCore", "Cache", "EmbeddedRedis"]),
        example("OneTimeCodes", ["RedisCore", "Cache", "EmbeddedRedis"]),
        example("UserCache", ["RedisCore", "Cache", "EmbeddedRedis"]),
        example("RememberPattern", ["RedisCore", "Cache", "EmbeddedRedis"]),
        example("NearCache", ["RedisCore", "Cache", "EmbeddedRedis"]),
        example("PendingActions", ["RedisCore", "Cache", "EmbeddedRedis", lifecycle]),
        .target(
            name: "TestSupport",
            dependencies: ["RedisCore", "EmbeddedRedis", logging, metrics],
            path: "Tests/TestSupport",
            swiftSettings: strict
        ),
        .testTarget(
            name: "RedisCoreTests", dependencies: ["RedisCore", "TestSupport", logging, lifecycle],
            swiftSettings: strict),
        .testTarget(
            name: "EventBusTests",
            dependencies: [
                "EventBus", "RedisCore", "TestSupport", logging, metrics, tracing, lifecycle,
                .product(name: "InMemoryTracing", package: "swift-distributed-tracing"),
            ],
            resources: [.copy("Golden")],
            swiftSettings: strict),
        .executableTarget(
            name: "lock-torture", dependencies: ["Coordination", "RedisCore", "TestSupport", logging],
            path: "Tests/LockTorture", swiftSettings: strict),
        .executableTarget(
            name: "limit-torture", dependencies: ["Coordination", "RedisCore", logging], path: "Tests/LimitTorture",
            swiftSettings: strict),
        .executableTarget(
            name: "permit-torture", dependencies: ["Coordination", "RedisCore", "TestSupport", logging],
            path: "Tests/PermitTorture", swiftSettings: strict),
        .testTarget(
            name: "CoordinationTests",
            dependencies: [
                "Coordination", "RedisCore", "TestSupport", "lock-torture", "limit-torture", "permit-torture", logging,
                lifecycle,
            ],
            swiftSettings: strict),
        .executableTarget(
            name: "cache-torture", dependencies: ["Cache", "RedisCore", "TestSupport", logging],
            path: "Tests/CacheTorture", swiftSettings: strict),
        .target(name: "CWallClock", path: "Tests/CWallClock"),
        .executableTarget(
            name: "clock-skew", dependencies: ["Cache", "RedisCore", "CWallClock", logging], path: "Tests/ClockSkew",
            swiftSettings: strict),
        .testTarget(
            name: "CacheTests",
            dependencies: [
                "Cache", "EventBus", "RedisCore", "TestSupport", "cache-torture", "clock-skew", logging, metrics,
                lifecycle,
            ],
            swiftSettings: strict),
        .testTarget(
            name: "WebhooksTests", dependencies: ["Webhooks", "Cache", "RedisCore", "TestSupport", logging],
            swiftSettings: strict),
        .testTarget(
            name: "ServicesTests",
            dependencies: [
                "Services", "ConfigurationFiles", "Cache", "Coordination", "EventBus", "RedisCore", "TestSupport",
                logging, lifecycle,
            ],
            swiftSettings: strict),
        .testTarget(
            name: "EmbeddedRedisTests",
            dependencies: ["EmbeddedRedis", "RedisCore", "TestSupport", logging, lifecycle],
            swiftSettings: strict),
        .testTarget(
            name: "WorkerTests",
            dependencies: [
                "worker", "ConfigurationFiles", "RedisCore", "EventBus", "Coordination", "TestSupport", logging,
            ],
            swiftSettings: strict),
    ]
)
