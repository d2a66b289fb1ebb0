@testable import Coordination
@testable import EventBus
import RedisCore
import Services
import TestSupport
import Testing

/// As ``OptionTests``, for locks, limiters and events.
@Suite struct CoordinationOptionTests {
    @Test func `every option of locks, tasks and limiters is applied`() async throws {
        try await withRegistry { services in
            let locks = try services.create(
                "locks", type: "lock",
                config: [
                    "plain_prefix": "lock", "max_hold": "1h", "replicas": ["at_least": 1, "within": "500ms"],
                ],
                as: Locks.self)
            #expect(locks.renewal == .automatic(maxHold: .seconds(3_600)))
            #expect(locks.replicas == .atLeast(1, within: .milliseconds(500)))
            #expect(locks.keys.naming == .plain(prefix: "lock"))
            let plain = try services.create("off", type: "lock", config: ["renewal": "off"], as: Locks.self)
            #expect(plain.renewal == .off && plain.replicas == .none)
            let tasks = try services.create(
                "tasks", type: "task_coordinator", config: ["owner": "me", "longest_result": "1KiB"],
                as: TaskCoordinator.self)
            #expect(tasks.owner == "me" && tasks.longestResult == 1_024)

            let limiter = try services.create(
                "limiter", type: "rate_limiter",
                config: [
                    "name": "api", "on_failure": "local", "local": ["limit": 5, "window": "1s"], "deny_cache": false,
                    "timeout": "2s",
                    "rules": [
                        ["limit": 100, "window": "1m", "scope": "all_keys", "name": "all"],
                        ["limit": 10, "window": "1s", "algorithm": "sliding_window_buckets", "buckets": 10],
                        ["limit": 10, "window": "1s", "algorithm": "token_bucket", "burst": 3],
                    ],
                ],
                as: RateLimiter.self)
            #expect(
                try limiter.rules == [
                    RateLimit(100, per: "1m", name: "all", scope: .allKeys),
                    RateLimit(10, per: "1s", algorithm: .slidingWindowBuckets(count: 10)),
                    RateLimit(10, per: "1s", algorithm: .tokenBucket(burst: 3)),
                ])
            let parts = OptionKeys.parts(limiter)
            #expect(parts["policy"] == "\(RateLimiter.FailurePolicy.local(limit: 5, per: .seconds(1)))")
            #expect(parts["denied"] == "nil" && parts["name"] == "api")
        }
    }

    @Test func `every option of publishers and subscribers that a file can hold is applied`() async throws {
        try await withRegistry { services in
            let subscriber = try services.create(
                "subscriber", type: "event_subscriber",
                config: [
                    "patterns": ["orders.*"], "concurrency": 4, "drain_timeout": "3s", "log_interval": "1s",
                    "buffer": ["capacity": 10, "max_bytes": "1MiB", "overflow": "block_reading"],
                    "limits": ["max_size": "64KiB", "max_depth": 16],
                ],
                as: EventSubscriber.self)
            let keys = OptionKeys(.eventSubscriber)
            // Code, not data.
            let code: Set = ["ordering", "middleware", "decoder", "onSubscribed", "metrics"]
            keys.expectAllSet(subscriber.options, otherThan: EventSubscriber.Options(), but: code)
            keys.expectAllSet(subscriber.options.buffer, otherThan: SubscriptionBuffer(), in: "buffer")
            keys.expectAllSet(subscriber.options.limits, otherThan: EventLimits(), in: "limits")
            let publisher = try services.create(
                "publisher", type: "event_publisher", config: ["source": "me", "limits": ["max_size": 9]],
                as: EventPublisher.self)
            #expect(try #require(OptionKeys.parts(publisher)["options"]).contains("maxSize: 9"))
        }
    }
}
