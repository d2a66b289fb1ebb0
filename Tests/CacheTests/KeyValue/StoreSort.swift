import Cache
import RedisCore
import TestSupport
import Testing

/// The stores that must behave alike, and how a test lets their time pass.
enum StoreSort: String, CaseIterable, CustomTestStringConvertible {
    case redis
    case memory

    var testDescription: String { rawValue }

    struct Subject {
        let store: any KeyValueStore
        /// Lets a value that lives 50 ms come to its end.
        let outlive: (String) async throws -> Void
    }

    /// The longest life that a test waits for.
    static let brief = CacheTTL.after(.milliseconds(50))

    func withStore(
        defaultTTL: CacheTTL = .never, maxValueBytes: Int = 1 << 20, isolation: isolated (any Actor)? = #isolation,
        _ body: (Subject) async throws -> Void
    ) async throws {
        switch self {
        case .redis:
            try await withRedis(.init()) { server, redis in
                let store = RedisKeyValueStore(
                    redis, prefix: "myapp", defaultTTL: defaultTTL, maxValueBytes: maxValueBytes,
                    timeout: .seconds(60))
                try await body(
                    Subject(store: store) { key in
                        try await eventually("the server to forget \(key)") {
                            try server("EXISTS", "myapp:\(key)") == .integer(0)
                        }
                    })
            }
        case .memory:
            let clock = ManualClock()
            let store = InMemoryKeyValueStore(defaultTTL: defaultTTL, maxValueBytes: maxValueBytes, clock: clock)
            try await body(Subject(store: store) { _ in clock.advance(by: .milliseconds(50)) })
        }
    }
}
