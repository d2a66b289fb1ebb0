import RedisCore
import TestSupport
import Testing

@testable import Cache

@Suite struct `A message of the backplane` {
    @Test func `is one line that is read as it was written`() {
        let changes: [NearMessage.Change] = [
            .entry("myapp:k"), .entry("a key with spaces "), .group("{myapp}:tag:t"), .all,
        ]
        for change in changes {
            let message = NearMessage(sender: 255, number: 7, change)
            #expect(NearMessage(Array(message.text.utf8)) == message)
        }
        #expect(NearMessage(sender: 255, number: 7, .entry("x")).text == "00000000000000ff 7 k x")
        #expect(NearMessage(sender: 1, number: 2, .all).text == "0000000000000001 2 *")
    }

    @Test(arguments: [
        "", " ", "x", "00000000000000ff", "00000000000000ff 1", "00000000000000ff 0 *", "00000000000000ff 1 k",
        "00000000000000ff 1 k ", "00000000000000ff 1 z key", "00000000000000ff 1 * x", "ff 1 *", "gg000000000000ff 1 *",
        "00000000000000ff -1 *", "00000000000000ff 99999999999999999999 *",
    ])
    func `is refused when it is none`(text: String) {
        #expect(NearMessage(Array(text.utf8)) == nil)
    }

    @Test func `that cannot be read, or does not follow the last, ends everything`() {
        var inbox = BackplaneInbox(own: 1)
        func message(_ sender: UInt64, _ number: UInt64, _ change: NearMessage.Change) -> [UInt8] {
            Array(NearMessage(sender: sender, number: number, change).text.utf8)
        }
        func hear(_ payload: [UInt8]) -> BackplaneInbox.Action { inbox.received(payload) }
        #expect(hear(message(1, 9, .entry("own"))) == .none)
        #expect(hear(message(2, 5, .entry("a"))) == .drop(.entry("a")))
        #expect(hear(message(2, 6, .group("g"))) == .drop(.group("g")))
        #expect(hear(message(3, 1, .entry("b"))) == .drop(.entry("b")))
        #expect(hear(message(2, 8, .entry("a"))) == .drop(.all))
        #expect(hear(message(2, 9, .entry("a"))) == .drop(.entry("a")))
        // Said twice, or late: harmless.
        #expect(hear(message(2, 7, .entry("c"))) == .drop(.entry("c")))
        #expect(hear(message(2, 10, .entry("c"))) == .drop(.entry("c")))
        #expect(hear([0xFF]) == .drop(.all))
        // The last number there is, from a stranger: what follows cannot be counted, and nothing overflows.
        #expect(hear(message(4, .max, .entry("c"))) == .drop(.entry("c")))
        #expect(hear(message(4, .max, .entry("c"))) == .drop(.entry("c")))
        inbox.forget()
        #expect(hear(message(2, 50, .entry("a"))) == .drop(.entry("a")))
    }

    @Test func `is sent once for a key that changes again meanwhile, and again after a failure`() {
        var outbox = BackplaneOutbox(sender: 1)
        outbox.note([.entry("a"), .entry("b"), .entry("a")])
        func begin() -> Bool { outbox.begin() }
        func next() -> [NearMessage] { outbox.next(max: 10) }
        #expect(begin())
        #expect(!begin())
        let first = next()
        #expect(first.map(\.change) == [.entry("a"), .entry("b")] && first.map(\.number) == [1, 2])
        outbox.note([.entry("b"), .entry("c")])
        outbox.failed(first)
        #expect(outbox.count == 3)
        let second = next()
        #expect(second.map(\.change) == [.entry("a"), .entry("b"), .entry("c")] && second.map(\.number) == [3, 4, 5])
        #expect(next().isEmpty)
        #expect(!begin())
    }

    @Test func `is sent for each of two keys that only look alike`() {
        var outbox = BackplaneOutbox(sender: 1)
        outbox.note([.entry("caf\u{E9}"), .entry("cafe\u{301}")])
        #expect(outbox.count == 2)
    }

    @Test func `tells that everything changed rather than wait without bound`() {
        var outbox = BackplaneOutbox(sender: 1)
        for number in 0...BackplaneOutbox.mostWaiting { outbox.note([.entry(ExactString("\(number)"))]) }
        #expect(outbox.count == 1)
        outbox.note([.entry("more"), .group("g")])
        func begin() -> Bool { outbox.begin() }
        func next() -> [NearMessage] { outbox.next(max: 10) }
        #expect(begin())
        let all = next()
        #expect(all.map(\.change) == [.all])
        outbox.note([.entry("x")])
        outbox.failed(all)
        #expect(next().map(\.change) == [.all])
    }
}

@Suite struct `Near caches without tracking` {
    /// Clients whose user may not track.
    private func withUntracked<T>(
        configure: (inout RedisConfiguration) -> Void = { _ in },
        _ body: (RedisServer, RedisClient, RedisClient) async throws -> T
    ) async throws -> T {
        try await withRedisServer(.init(checksLeaks: true)) { server in
            try server.call(["ACL", "SETUSER", "ada", "on", ">pw", "~*", "&*", "+@all", "-client|tracking"])
            let configuration = server.patient {
                $0.username = "ada"
                $0.password = Secret("pw")
                configure(&$0)
            }
            return try await withClient(configuration) { one in
                try await withClient(configuration) { other in try await body(server, one, other) }
            }
        }
    }

    @Test func `tell each other what they change`() async throws {
        try await withUntracked { _, one, other in
            let reader = try await RedisCache.near(one, .backplane)
            let writer = try await RedisCache.near(other, .backplane)
            try await writer.set("k", "1")
            try await reader.warm("k", "1")
            try await writer.set("k", "2")
            try await eventually("told") { try await reader.get("k") == "2" }
            try await reader.warm("k", "2")
            try await writer.setMany(["k": "3", "l": "3"])
            try await eventually("told") { try await reader.get("k") == "3" }
            try await reader.warm("k", "3")
            try await writer.delete("k")
            try await eventually("told") { try await reader.get("k", as: String.self) == nil }
            // The writer heard nothing of its own, and reads what it wrote.
            #expect(try await writer.get("l") == "3")
        }
    }

    @Test func `drop what a key-value store of the same process deletes, and tell it`() async throws {
        try await withUntracked { _, one, other in
            let cache = try await RedisCache.near(one, .backplane)
            let reader = try await RedisCache.near(other, .backplane)
            try await cache.set("k", "1")
            try await cache.warm("k", "1")
            try await reader.warm("k", "1")
            let store = RedisKeyValueStore(one, prefix: "myapp", timeout: .seconds(60))
            #expect(try await store.deleteKeys(["k"]) == 1)
            #expect(try await cache.get("k", as: String.self) == nil)
            try await eventually("told") { try await reader.get("k", as: String.self) == nil }
        }
    }

    @Test func `see what others write when it is too old, and not before they are told`() async throws {
        try await withUntracked { server, one, _ in
            let options = NearCacheOptions(onUnavailable: .backplane(maxAge: .milliseconds(200)))
            let cache = try await RedisCache.near(one, .backplane, options)
            try await cache.set("k", "ours")
            #expect(try await cache.get("k") == "ours")
            try server("SET", "myapp:k", "theirs", "PX", "100000")
            try await eventually("too old") { try await cache.get("k") == "theirs" }
        }
    }

    @Test func `keep nothing where that is wished`() async throws {
        try await withUntracked { server, one, _ in
            let options = CacheOptions(timeout: .seconds(60), near: NearCacheOptions(onUnavailable: .off))
            let cache = RedisCache(one, prefix: "myapp", options: options)
            try await eventually("off") { if case .off = cache.near?.state { true } else { false } }
            try await cache.set("k", "v")
            for _ in 0..<3 { #expect(try await cache.get("k") == "v") }
            #expect(cache.figures.hits == 0 && cache.figures.entries == 0)
            #expect(try server.calls(of: "publish") == 0)
        }
    }

    @Test func `drop everything when the connection is lost, and begin anew`() async throws {
        try await withUntracked { server, one, other in
            let reader = try await RedisCache.near(one, .backplane)
            let writer = RedisCache(other, prefix: "myapp", options: .unhurried)
            try await writer.set("k", "1")
            try await reader.warm("k", "1")
            let flushes = reader.figures.flushes
            try server("CLIENT", "KILL", "TYPE", "pubsub")
            // Told to nobody: the writer has no near cache.
            try await writer.set("k", "2")
            try await eventually("dropped") { reader.figures.flushes > flushes }
            try await reader.untilNear(.backplane)
            try await reader.warm("k", "2")
        }
    }

    @Test func `are trusted for two heartbeats after the last proof`() async throws {
        try await withUntracked(configure: { $0.heartbeat = .milliseconds(60) }) { server, one, _ in
            let cache = try await RedisCache.near(one, .backplane)
            // A busy machine misses such short heartbeats now and then, and with them a call.
            try await eventually("set") { (try? await cache.set("k", "v")) != nil }
            try await eventually("kept") {
                _ = try await cache.get("k", as: String.self)
                return cache.figures.hits > 0
            }
            server.pause()
            defer { server.resume() }
            try await eventually("doubtful") { cache.near?.state == .doubtful || cache.near?.state == .connecting }
            server.resume()
            try await cache.untilNear(.backplane)
        }
    }

    @Test func `tell it later when it could not be told at once`() async throws {
        try await withRedisServer { server in
            try await withFaultProxy(to: server.tcp) { proxy in
                var configuration = proxy.configuration
                // A missed heartbeat would be a gap for the listener, in which it is not told.
                configuration.heartbeat = .seconds(60)
                try await withClient(configuration) { redis in
                    let told = TestSignal("told")
                    let listener = try await redis.listen(channel: "myapp:near:1:0") { event in
                        guard case .message(let message) = event else { return }
                        if NearMessage(message.payload)?.change == .entry("k") { told.fire() }
                    }
                    let backplane = NearBackplane(redis, channel: "myapp:near:1:0", retryAfter: .milliseconds(10))
                    proxy.set(.cutBeforeSend(match: "PUBLISH myapp:near", times: 2))
                    backplane.tell([.entry("k")])
                    // Its owner goes away meanwhile.
                    backplane.finish()
                    try await told.wait()
                    try await eventually("all is told") { backplane.untold == 0 }
                    await listener.cancel()
                }
            }
        }
    }
}
