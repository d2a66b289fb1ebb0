import RedisCore
import TestSupport
import Testing

@testable import Cache

/// What could make a sweeper leave ends untold or stand still.
@Suite struct ExpirySweeperReviewTests {
    /// Each makes one character of itself and the colon before it.
    private static let marks = ["\u{301}a", "\u{200D}", "\u{FE0F}x"]

    @Test func `keys that begin with a combining mark are told`() async throws {
        try await withRedis { _, redis in
            let cache = IndexedCache(redis, namespace: "n", options: .unhurried, expiry: .values())
            let told = Told()
            for key in Self.marks { try await cache.set(key, "v") }
            for key in Self.marks { try await cache.expire(key) }
            #expect(try await ExpirySweeper(cache) { told.note($0) }.sweep() == 3)
            #expect(told.keys == Self.marks.sorted())
            #expect(try told.all.map { try $0.value(as: String.self) } == ["v", "v", "v"])
        }
    }

    @Test func `indexes of values that begin with a combining mark are cleared`() async throws {
        try await withRedis { server, redis in
            let cache = IndexedCache(redis, namespace: "n", options: .unhurried)
            for mark in Self.marks { try await cache.set(mark, "v", indexes: ["user": mark, mark: "x"]) }
            // As eviction does: the members stay.
            for mark in Self.marks { try server("DEL", cache.keys.item(mark).name) }
            try await cache.clearNamespace()
            #expect(try server("DBSIZE") == 0)
        }
    }

    @Test func `keys that are equal for Swift are two items`() async throws {
        try await withRedis { _, redis in
            let cache = IndexedCache(redis, namespace: "n", options: .unhurried, expiry: .keys())
            let told = Told()
            let (one, two) = ("\u{E9}", "e\u{301}")
            for (there, other) in [(one, two), (two, one)] {
                try await cache.set(there, "v")
                #expect(try await cache.getMany([one, two]) == [there: "v"])
                #expect(try await cache.getMany([two, one]) == [there: "v"])
                #expect(try await !cache.exists(other))
                try await cache.delete(there)
            }
            for key in [one, two] { try await cache.set(key, "v") }
            try await cache.expire(one, two)
            #expect(try await ExpirySweeper(cache) { told.note($0) }.sweep() == 2)
        }
    }

    @Test func `ends of one moment whose keys are equal for Swift are held apart`() async throws {
        try await withRedis { server, redis in
            let cache = IndexedCache(
                redis, namespace: "n", options: .unhurried, expiry: .keys(retention: .seconds(300_000_000)))
            let due = "signalbox:indexed:{n}:due"
            for key in ["\u{E9}", "e\u{301}"] { try server("ZADD", due, "1700000000000000", key) }
            try server("EXPIRE", due, "1000")
            let held = HeldExpiries(try await ExpiryClaim.take(cache, ExpirySweeperOptions()).entries)
            await held.renew { #expect($0.count == 2) }?.value
        }
    }

    @Test func `a batch of ends that are given up is followed by the next`() async throws {
        try await withRedis { server, redis in
            let cache = IndexedCache(redis, namespace: "n", options: .unhurried, expiry: .keys())
            let told = Told()
            try await cache.set("a", "v")
            try await cache.expire("a")
            let expired = "signalbox:indexed:{n}:expired"
            for number in 0..<5 { try server("ZADD", expired, "0", "1000:old\(number)") }
            try server("EXPIRE", expired, "1000")
            #expect(try await ExpirySweeper(cache, options: .init(batch: 2)) { told.note($0) }.sweep() == 1)
            #expect(told.keys == ["a"])
        }
    }

    @Test func `a batch of items that live on is followed by the next`() async throws {
        try await withRedis { server, redis in
            let cache = IndexedCache(redis, namespace: "n", options: .unhurried, expiry: .keys())
            let told = Told()
            for number in 0..<5 {
                try await cache.set("k\(number)", "v")
                // As noted before another program gave it a longer life.
                try server("ZADD", "signalbox:indexed:{n}:due", "1000000", "k\(number)")
            }
            try await cache.set("a", "v")
            try await cache.expire("a")
            #expect(try await ExpirySweeper(cache, options: .init(batch: 2)) { told.note($0) }.sweep() == 1)
            #expect(told.keys == ["a"])
        }
    }

    /// One heeds its cancellation, one does not.
    @Test(arguments: [true, false])
    func `a handler that hangs is told again and does not stop the others`(heeds: Bool) async throws {
        try await withRedis { _, redis in
            let cache = IndexedCache(redis, namespace: "n", options: .unhurried, expiry: .keys())
            let told = Told()
            let mayEnd = TestSignal()
            let options = ExpirySweeperOptions(
                concurrency: 1, handlerTimeout: .milliseconds(50), firstRetry: .milliseconds(1),
                longestRetry: .milliseconds(1))
            let sweeper = try ExpirySweeper(cache, options: options) { entry in
                if entry.key == "hangs", entry.attempt == 1 {
                    let wait = Task { try await mayEnd.wait(within: .seconds(60)) }
                    try await withTaskCancellationHandler {
                        try await wait.value
                    } onCancel: {
                        if heeds { wait.cancel() }
                    }
                }
                told.note(entry)
            }
            try await cache.set("hangs", "v")
            try await cache.expire("hangs")
            try await cache.set("b", "v")
            try await cache.expire("b")
            var handled = 0
            try await eventually("both were told") {
                handled += try await sweeper.sweep()
                return handled == 2
            }
            // A machine that is held up may let any handler take too long, whose end is then told again.
            #expect(Set(told.keys) == ["b", "hangs"])
            #expect(told.all.first { $0.key == "hangs" }?.attempt ?? 0 > 1)
            mayEnd.fire()
            await expectError(.invalidArgument) {
                try ExpirySweeper(cache, options: .init(handlerTimeout: .zero)) { _ in }
            }
        }
    }

    @Test func `at shutdown what waits is given back before running handlers end`() async throws {
        try await withRedis { _, redis in
            let cache = IndexedCache(redis, namespace: "n", options: .unhurried, expiry: .keys())
            for key in ["a", "b", "c"] { try await cache.set(key, "1") }
            try await cache.expire("a", "b", "c")
            let began = TestSignal()
            let mayEnd = TestSignal()
            let slow = try ExpirySweeper(cache, options: .init(concurrency: 1)) { _ in
                began.fire()
                try await mayEnd.wait(within: .seconds(60))
            }
            let rest = Rest(ContinuousClock())
            let claimed = try await ExpiryClaim.take(cache, ExpirySweeperOptions()).entries
            let task = Task { await slow.tell(claimed, rest) }
            try await began.wait(within: .seconds(60))
            rest.stop()
            let told = Told()
            let other = try ExpirySweeper(cache) { told.note($0) }
            try await eventually("the other two are told") {
                try await other.sweep()
                return told.all.count == 2
            }
            mayEnd.fire()
            #expect(await task.value == 1)
            #expect(began.count == 1)
            #expect(try await other.sweep() == 0)
        }
    }
}
