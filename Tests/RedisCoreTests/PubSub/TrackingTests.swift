import RedisCore
import Synchronization
import TestSupport
import Testing

@Suite struct `Tracking keys` {
    private func ready(_ log: TrackingLog) async throws { try await eventually("ready") { log.heard(.ready) } }

    @Test func `tells what another client writes, deletes, renames and changes by a script`() async throws {
        try await withRedisServer { server in
            try await withClient(impatient(server.unix)) { redis in
                let log = TrackingLog(redis)
                let tracking = try redis.track(prefixes: ["t:"], log)
                try await ready(log)
                try server("SET", "t:set", "1")
                try server("SET", "other", "1")
                try server("DEL", "t:set")
                try server("SET", "t:old", "1")
                try server("RENAME", "t:old", "t:new")
                try server("EVAL", "redis.call('HSET', KEYS[1], 'f', 'v')", "1", "t:script")
                try server("PEXPIRE", "t:new", "100000")
                try await redis.set("t:own", to: "1")
                try await eventually("the last change") { log.heard(.changed("t:own")) }
                let keys = log.events.compactMap { if case .changed(let key) = $0 { key } else { nil } }
                // Keys that change in the same turn of the server come in one message, in an order of its own.
                #expect(
                    keys.sorted() == ["t:new", "t:new", "t:old", "t:old", "t:own", "t:script", "t:set", "t:set"])
                #expect(!log.wasOffLoop)
                tracking.cancel()
            }
        }
    }

    @Test func `may be given up by who is being told something`() async throws {
        try await withRedisServer { server in
            try await withClient(impatient(server.unix)) { redis in
                let log = QuittingLog()
                log.tracking.withLock { $0 = try? redis.track(prefixes: ["t:"], log) }
                try await eventually("ready, and over") { log.tracking.withLock { $0 == nil } }
                let heirs = TrackingLog(redis)
                let tracking = try redis.track(prefixes: ["t:"], heirs)
                try await ready(heirs)
                try server("SET", "t:k", "1")
                try await eventually("told") { heirs.heard(.changed("t:k")) }
                let wasTold = log.wasTold.load(ordering: .relaxed)
                #expect(!wasTold)
                tracking.cancel()
            }
        }
    }

    @Test func `tells of keys that expire`() async throws {
        try await withRedisServer { server in
            try await withClient(impatient(server.unix)) { redis in
                let log = TrackingLog(redis)
                let tracking = try redis.track(prefixes: ["t:"], log)
                try await ready(log)
                try server("SET", "t:k", "1", "PX", "1")
                try await eventually("told twice") {
                    try server("GET", "t:k")
                    return log.events.count { $0 == .changed("t:k") } >= 2
                }
                tracking.cancel()
            }
        }
    }

    @Test func `tells of changes in every database, which costs a refill and no more`() async throws {
        try await withRedisServer { server in
            try await withClient(impatient(server.unix)) { redis in
                let log = TrackingLog(redis)
                let tracking = try redis.track(prefixes: ["t:"], log)
                try await ready(log)
                let other = try server.connect()
                try other("SELECT", "3")
                try other("SET", "t:elsewhere", "1")
                try await eventually("told") { log.heard(.changed("t:elsewhere")) }
                tracking.cancel()
            }
        }
    }

    @Test(arguments: ["FLUSHALL", "FLUSHDB"])
    func `tells that everything is gone`(command: String) async throws {
        try await withRedisServer { server in
            try await withClient(impatient(server.unix)) { redis in
                let log = TrackingLog(redis)
                let tracking = try redis.track(prefixes: ["t:"], log)
                try await ready(log)
                try server("SET", "t:k", "1")
                try server(command)
                try await eventually("flushed") { log.events == [.ready, .changed("t:k"), .flushed] }
                tracking.cancel()
            }
        }
    }

    @Test func `serves several trackers over one connection, each what it asked for`() async throws {
        try await withRedisServer { server in
            try await withClient(impatient(server.unix)) { redis in
                let (all, some) = (TrackingLog(redis), TrackingLog(redis))
                let first = try redis.track(prefixes: ["t:", "{t:"], all)
                try await ready(all)
                let second = try redis.track(prefixes: ["t:users:"], some)
                try await ready(some)
                for key in ["t:a", "t:users:1", "{t:users:1}:x"] { try server("SET", key, "1") }
                try await eventually("told") { all.heard(.changed("{t:users:1}:x")) }
                #expect(all.events == [.ready, .changed("t:a"), .changed("t:users:1"), .changed("{t:users:1}:x")])
                #expect(some.events == [.ready, .changed("t:users:1")])
                second.cancel()
                first.cancel()
            }
        }
    }

    @Test func `of a prefix that is not covered makes a new connection, and all are told`() async throws {
        try await withRedisServer { server in
            try await withClient(impatient(server.unix)) { redis in
                let subscription = try await redis.subscribe(channels: ["news"])
                let first = TrackingLog(redis)
                let one = try redis.track(prefixes: ["a:"], first)
                try await ready(first)
                guard
                    case .gap(let gap) = try await within(.seconds(60), "an event", { await subscription.nextEvent() })
                else {
                    Issue.record("no gap")
                    return
                }
                #expect(gap.reason.contains("to track further keys"))
                // The wider prefix replaces the narrower one, which the server would refuse beside it.
                let second = TrackingLog(redis)
                let two = try redis.track(prefixes: ["a", "b:"], second)
                try await ready(second)
                try await eventually("ready again") { first.events.suffix(3) == [.ready, .interrupted, .ready] }
                try server("SET", "a:1", "1")
                try server("SET", "b:1", "1")
                try await eventually("told") { second.heard(.changed("b:1")) && first.heard(.changed("a:1")) }
                #expect(!first.heard(.changed("b:1")))
                one.cancel()
                two.cancel()
                await subscription.cancel()
            }
        }
    }

    @Test func `costs others nothing when it is asked for before they subscribe`() async throws {
        try await withRedisServer { server in
            try await withClient(impatient(server.unix)) { redis in
                let (first, second) = (TrackingLog(redis), TrackingLog(redis))
                let one = try redis.track(prefixes: ["a:"], first)
                let two = try redis.track(prefixes: ["b:"], second)
                let subscription = try await redis.subscribe(channels: ["news"])
                try await ready(first)
                try await ready(second)
                try server("PUBLISH", "news", "x")
                guard case .message = try await within(.seconds(60), "an event", { await subscription.nextEvent() })
                else {
                    Issue.record("a gap")
                    return
                }
                one.cancel()
                two.cancel()
            }
        }
    }

    @Test func `proves with every heartbeat that nothing is on its way`() async throws {
        try await withRedisServer { server in
            // A process that is held up for a period gives up a good connection: then another client is observed.
            try await eventually("three proofs over one connection") {
                try await withClient(impatient(server.unix, restless(.milliseconds(10)))) { redis in
                    let log = TrackingLog(redis)
                    let before = Moment.nanoseconds
                    let tracking = try redis.track(prefixes: ["t:"], log)
                    try await eventually("three proofs") { log.proofs.count > 3 }
                    let proofs = log.proofs
                    tracking.cancel()
                    guard !log.heard(.interrupted) else { return false }
                    #expect(proofs == proofs.sorted())
                    #expect(proofs.allSatisfy { $0 >= before && $0 <= Moment.nanoseconds })
                    #expect(Set(proofs).count == proofs.count)
                    return true
                }
            }
        }
    }

    @Test func `ends when it is let go or cancelled, and does not hold its listener`() async throws {
        try await withRedisServer { server in
            try await withClient(impatient(server.unix)) { redis in
                let (kept, left) = (TrackingLog(redis), TrackingLog(redis))
                var listener: TrackingLog? = TrackingLog(redis)
                weak let gone = listener
                let tracking = try redis.track(prefixes: ["t:"], kept)
                var other: Tracking? = try redis.track(prefixes: ["t:"], left)
                let orphan = try redis.track(prefixes: ["t:"], TrackingLog(redis))
                try await ready(kept)
                #expect(other != nil && listener != nil)
                (other, listener) = (nil, nil)
                #expect(gone == nil)
                await redis.eventLoop.run {}
                try server("SET", "t:k", "1")
                try await eventually("told") { kept.heard(.changed("t:k")) }
                #expect(!left.heard(.changed("t:k")))
                orphan.cancel()
                tracking.cancel()
                tracking.cancel()
            }
        }
    }

    @Test func `is refused without a prefix, and on a closed client`() async throws {
        let redis = RedisClient(RedisConfiguration(endpoint: .unix(path: "/nowhere")))
        let log = TrackingLog(redis)
        for prefixes in [[], [""], ["a", ""]] {
            let error = #expect(throws: RedisError.self) { try redis.track(prefixes: prefixes, log) }
            #expect(error?.code == .invalidArgument)
        }
        await redis.close()
        let tracking = try redis.track(prefixes: ["a"], log)
        try await eventually("told") { log.heard(.unavailable(.closed)) }
        tracking.cancel()
    }
}

/// Lets go of its tracking within the first call.
private final class QuittingLog: TrackingListener {
    let tracking = Mutex<Tracking?>(nil)
    let wasTold = Atomic(false)

    func trackingIsReady(asOf: Int64) {
        // Let go of outside of the lock.
        let last = tracking.withLock { tracking in
            defer { tracking = nil }
            return tracking
        }
        withExtendedLifetime(last) {}
    }
    func trackedKeyChanged(_ key: UnsafeRawBufferPointer) { wasTold.store(true, ordering: .relaxed) }
    func trackedKeysFlushed() {}
    func trackingIsProved(asOf: Int64) {}
    func trackingIsInterrupted() {}
    func trackingIsUnavailable(_ error: RedisError) {}
}
