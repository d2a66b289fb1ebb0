import RedisCore
import Synchronization
import TestSupport
import Testing

@testable import Cache

/// T2 and T4: lost replies, and a Redis that is killed, restarted, flushed, read-only or full while values are loaded.
@Suite struct RememberFaultTests {
    // MARK: Lost replies

    @Test(
        arguments: [FillScripts.acquire, FillScripts.fill, FillScripts.drop].map(\.name), [true, false])
    func `a fill whose command or reply is lost has one effect`(script name: String, executed: Bool) async throws {
        let scripts = [FillScripts.acquire, FillScripts.fill, FillScripts.drop]
        try await withRedisServer(.init(checksLeaks: true)) { server in
            for script in scripts { try server("SCRIPT", "LOAD", script.source) }
            let script = try #require(scripts.first { $0.name == name })
            try await withFaultProxy(to: server.tcp) { proxy in
                try await withClient(proxy.configuration) { redis in
                    let cache = RedisCache(redis, prefix: "app", options: .unhurried)
                    let source = Source()
                    if script.name == FillScripts.drop.name { source.fail(Source.Failure()) }
                    proxy.set(executed ? .cutBeforeReply(match: script.sha) : .cutBeforeSend(match: script.sha))
                    if script.name == FillScripts.drop.name {
                        await #expect(throws: Source.Failure()) {
                            try await cache.remember("a") { try await source.get() }
                        }
                    } else {
                        #expect(try await cache.remember("a") { try await source.get() } == 1)
                        #expect(try server("EXISTS", "app:a") == 1)
                        // Nobody is kept waiting by a lease that nobody knows of.
                        #expect(try server("EXISTS", "{app:a}:fill") == 0)
                    }
                    #expect(proxy.faultDone.count == 1)
                    #expect(source.loads == 1)
                    let lease = try server("GET", "{app:a}:fill").string ?? "!"
                    #expect(lease.hasPrefix("!"))
                }
            }
        }
    }

    @Test func `a lease that was granted into the void is given back`() async throws {
        try await withRedisServer(.init(checksLeaks: true)) { server in
            try server("SCRIPT", "LOAD", FillScripts.acquire.source)
            try await withFaultProxy(to: server.tcp) { proxy in
                try await withClient(proxy.configuration) { redis in
                    let cache = RedisCache(redis, prefix: "app", options: .init(timeout: .milliseconds(300)))
                    _ = try await cache.get("warm", as: Int.self)
                    let source = Source()
                    source.hold()
                    // The reply never comes: the call goes on without a lease, and gives it back afterwards.
                    proxy.set(.loseReplies)
                    let call = Task { try await cache.remember("a") { try await source.get() } }
                    try await source.began.wait()
                    proxy.set(.pass)
                    proxy.cut()
                    source.release()
                    #expect(try await call.value == 1)
                    try await eventually("no lease is left") { try server("EXISTS", "{app:a}:fill") == 0 }
                }
            }
        }
    }

    @Test func `a lease that a read-only Redis would not take back is given back as soon as it does`() async throws {
        try await withRedis { server, redis in
            let cache = RedisCache(redis, prefix: "app", options: .unhurriedLoads)
            let source = Source()
            source.hold()
            let call = Task { try await cache.remember("a") { try await source.get() } }
            try await source.began.wait()
            try server("REPLICAOF", "127.0.0.1", "1")
            source.release()
            #expect(try await call.value == 1)
            #expect(try server("EXISTS", "{app:a}:fill") == 1)
            try server("REPLICAOF", "NO", "ONE")
            try await eventually("the lease is gone") { try server("EXISTS", "{app:a}:fill") == 0 }
        }
    }

    @Test func `a lease whose value Redis had no room for is given back`() async throws {
        try await withRedis { server, redis in
            let cache = RedisCache(redis, prefix: "app", options: .unhurried)
            let source = Source()
            source.hold()
            let call = Task { try await cache.remember("a") { try await source.get() } }
            try await source.began.wait()
            try server("CONFIG", "SET", "maxmemory", "1")
            source.release()
            #expect(try await call.value == 1)
            try await eventually("the lease is gone") { try server("EXISTS", "{app:a}:fill") == 0 }
            try server("CONFIG", "SET", "maxmemory", "0")
            #expect(try await cache.get("a", as: Int.self) == nil)
        }
    }

    // MARK: Redis in trouble, under load

    /// Eight tasks that remember a few keys without a pause; every call has to be answered with the truth.
    private final class Load: Sendable {
        private let cache: RedisCache
        private let isOver = Mutex(false)
        private let count = Mutex(0)

        init(_ cache: RedisCache) { self.cache = cache }

        var answered: Int { count.withLock { $0 } }
        func stop() { isOver.withLock { $0 = true } }

        func run() async throws {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for worker in 0..<8 { group.addTask { try await self.work(from: worker) } }
                try await group.waitForAll()
            }
        }

        private func work(from start: Int) async throws {
            var number = start
            while !isOver.withLock({ $0 }) {
                number += 1
                let key = number % 5
                let value = try await cache.remember("\(key)", ttl: .after(.milliseconds(20))) { key }
                guard value == key else { throw Source.Failure(number: value) }
                count.withLock { $0 += 1 }
            }
        }
    }

    private func underLoad(
        _ server: RedisServer, _ options: CacheOptions = .init(timeout: .milliseconds(500)),
        _ trouble: (RedisCache) async throws -> Void
    ) async throws {
        try await withClient(server.configuration) { redis in
            let cache = RedisCache(redis, prefix: "load", options: options)
            let load = Load(cache)
            let workers = Task { try await load.run() }
            func goesOn(_ what: String) async throws {
                let before = load.answered
                try await eventually("answers \(what)", within: .seconds(60)) { load.answered >= before + 50 }
            }
            try await goesOn("before")
            try await trouble(cache)
            try await goesOn("after")
            load.stop()
            try await workers.value
            try await eventually("values are stored again", within: .seconds(60)) {
                let mark = Int.random(in: 0..<1_000_000)
                _ = try await cache.remember("mark\(mark)") { mark }
                return try await cache.get("mark\(mark)") == mark
            }
        }
    }

    private func answersGoOn(_ cache: RedisCache, count: Int = 30) async throws {
        for number in 0..<count {
            #expect(
                try await cache.remember("own\(number % 3)", ttl: .after(.milliseconds(5))) { number % 3 } == number % 3
            )
        }
    }

    @Test func `Redis is killed and comes back`() async throws {
        try await withRedisServer { server in
            try await underLoad(server) { cache in
                await server.kill()
                try await answersGoOn(cache)
                try await server.start()
            }
        }
    }

    @Test func `Redis is restarted again and again`() async throws {
        try await withRedisServer { server in
            try await underLoad(server) { cache in
                for _ in 0..<3 {
                    try await server.restart()
                    try await answersGoOn(cache, count: 5)
                }
            }
        }
    }

    @Test func `Redis is flushed, data and scripts`() async throws {
        try await withRedisServer { server in
            try await underLoad(server) { cache in
                for _ in 0..<20 {
                    try server("FLUSHALL")
                    try server("SCRIPT", "FLUSH")
                    try await answersGoOn(cache, count: 3)
                }
            }
        }
    }

    @Test func `Redis is read-only`() async throws {
        try await withRedisServer { server in
            try await underLoad(server) { cache in
                try server("REPLICAOF", "127.0.0.1", "1")
                try await answersGoOn(cache)
                try server("REPLICAOF", "NO", "ONE")
            }
        }
    }

    @Test func `Redis is out of memory`() async throws {
        try await withRedisServer { server in
            try await underLoad(server) { cache in
                try server("CONFIG", "SET", "maxmemory", "1")
                try await answersGoOn(cache)
                try server("CONFIG", "SET", "maxmemory", "0")
            }
        }
    }

    @Test func `Redis hangs: calls cost a time-out, then nothing`() async throws {
        try await withRedisServer { server in
            try await underLoad(server, .init(timeout: .milliseconds(100))) { cache in
                server.pause()
                try await eventually("the circuit is open") {
                    _ = try await cache.remember("x") { 1 }
                    return cache.engine.isOpen
                }
                try await answersGoOn(cache)
                server.resume()
            }
        }
    }

    @Test func `without Redis a value is still loaded once at a time`() async throws {
        try await withRedisServer { server in
            try await withClient(server.configuration) { redis in
                let cache = RedisCache(redis, prefix: "app", options: .init(timeout: .milliseconds(50)))
                _ = try await cache.get("warm", as: Int.self)
                await server.kill()
                // A second one for those that came after the first had begun.
                #expect(try await cache.loadsOfMany("a", calls: 200) <= 2)
                try await server.start()
            }
        }
    }

    @Test func `a cache that is not to fail open says that Redis does not answer`() async throws {
        try await withRedisServer { server in
            try await withClient(server.configuration) { redis in
                let cache = RedisCache(
                    redis, prefix: "app", options: .init(timeout: .milliseconds(50), failure: .closed))
                await server.kill()
                await expectError(.unavailable) { try await cache.remember("a") { 1 } }
                try await server.start()
            }
        }
    }

    @Test func `that values cannot be stored is logged once, and that they can again`() async throws {
        try await withRedisServer { server in
            let lines = LogLines()
            let redis = RedisClient(server.configuration, logger: lines.logger)
            let cache = RedisCache(redis, prefix: "app", options: .unhurried)
            try server("CONFIG", "SET", "maxmemory", "1")
            for number in 0..<5 { #expect(try await cache.remember("\(number)") { number } == number) }
            try server("CONFIG", "SET", "maxmemory", "0")
            for number in 0..<5 { #expect(try await cache.remember("\(number)") { number } == number) }
            #expect(lines.count(of: "could not be stored") == 1)
            #expect(lines.count(of: "are stored again") == 1)
            await redis.close()
        }
    }

    // MARK: Other processes

    @Test func `a waiter whose holder died loads when the lease has ended`() async throws {
        try await withRedis { server, redis in
            let cache = RedisCache(redis, prefix: "app", options: .unhurried)
            try server("SET", "{app:a}:fill", "of a process that died", "PX", "300")
            #expect(try await cache.remember("a") { 1 } == 1)
            #expect(try await cache.get("a") == 1)
        }
    }

    @Test func `who waited long enough for another process loads for itself and stores nothing`() async throws {
        try await withRedis { server, redis in
            let terms = RememberOptions(waitForOthers: .milliseconds(50))
            let cache = RedisCache(redis, prefix: "app", options: .init(timeout: .seconds(60), remember: terms))
            try server("SET", "{app:a}:fill", "somebody", "PX", "600000")
            #expect(try await cache.remember("a") { 1 } == 1)
            #expect(try server("EXISTS", "app:a") == 0)
            #expect(try server("GET", "{app:a}:fill") == "somebody")
            try await eventually("nobody listens") { try server("PUBSUB", "CHANNELS", "*:fill:wake:*").strings.isEmpty }
        }
    }

    @Test func `other processes can be left alone`() async throws {
        try await withRedis { server, redis in
            let terms = RememberOptions(acrossProcesses: false)
            let cache = RedisCache(redis, prefix: "app", options: .init(timeout: .seconds(60), remember: terms))
            try server("SET", "{app:a}:fill", "somebody", "PX", "600000")
            #expect(try await cache.remember("a") { 1 } == 1)
            #expect(try server("EXISTS", "app:a") == 0)
        }
    }

    @Test func `a waiter takes what another process stored, and everybody of its process with it`() async throws {
        try await withRedis { server, redis in
            try await withClient(server.configuration) { other in
                let source = Source()
                source.hold()
                let here = RedisCache(redis, prefix: "app", options: .unhurriedLoads)
                let there = RedisCache(other, prefix: "app", options: .unhurriedLoads)
                let loading = Task { try await there.remember("a") { try await source.get() } }
                try await source.began.wait()
                let waiting = (0..<20).map { _ in Task { try await here.remember("a") { 99 } } }
                try await eventually("all wait") { here.waiters("a", Int.self) == 20 }
                try await eventually("and listen") { try server.calls(of: "subscribe") >= 1 }
                source.release()
                #expect(try await loading.value == 1)
                for call in waiting { #expect(try await call.value == 1) }
            }
        }
    }

    @Test func `waiters that are cancelled leave no subscription`() async throws {
        try await withRedis { server, redis in
            let cache = RedisCache(redis, prefix: "app", options: .unhurriedLoads)
            try server("SET", "{app:a}:fill", "somebody", "PX", "600000")
            let calls = (0..<3).map { _ in Task { try await cache.remember("a") { 1 } } }
            try await eventually("listening") { !(try server("PUBSUB", "CHANNELS", "*:fill:wake:*").strings.isEmpty) }
            try await eventually("all wait") { cache.waiters("a", Int.self) == 3 }
            for call in calls { call.cancel() }
            for call in calls { await #expect(throws: CancellationError.self) { try await call.value } }
            try await eventually("nobody listens") { try server("PUBSUB", "CHANNELS", "*:fill:wake:*").strings.isEmpty }
            try await eventually("no flight is left") { cache.engine.flights.count == 0 }
        }
    }

    @Test func `a failed load holds other processes back for a moment, then one of them tries`() async throws {
        try await withRedis { server, redis in
            try await withClient(server.configuration) { other in
                let source = Source()
                source.fail(Source.Failure())
                let terms = RememberOptions(waitForOthers: .milliseconds(100), failurePause: .seconds(600))
                let options = CacheOptions(timeout: .seconds(60), remember: terms)
                let here = RedisCache(redis, prefix: "app", options: options)
                let there = RedisCache(other, prefix: "app", options: options)
                await #expect(throws: Source.Failure()) { try await here.remember("a") { try await source.get() } }
                let lease = try server("GET", "{app:a}:fill").string
                #expect(lease?.hasPrefix("!") == true)
                // It waits as long as it may, and then loads unsaved.
                #expect(try await there.remember("a") { 2 } == 2)
                #expect(try server("EXISTS", "app:a") == 0)
                let hasty = there.with { $0.remember.failurePause = .zero }
                #expect(try await hasty.remember("a") { 3 } == 3)
                #expect(try await here.get("a") == 3)
            }
        }
    }

    @Test func `a lease that could not be given back after a failed load is given back later`() async throws {
        try await withRedis { server, redis in
            try await withFaultProxy(to: server.tcp) { proxy in
                var configuration = proxy.configuration
                // The first loss is the end of a call, whose time-out leaves a busy machine all the time it needs.
                configuration.retry.maxRetries = 0
                try await withClient(configuration) { client in
                    let cache = RedisCache(client, prefix: "app", options: .unhurried)
                    await #expect(throws: Source.Failure.self) {
                        _ = try await cache.remember("a") { () async throws -> Int in
                            proxy.set(.cutBeforeSend(match: "fill", times: 1_000))
                            throw Source.Failure()
                        }
                    }
                    let leases = try server("EXISTS", "{app:a}:fill")
                    #expect(leases == 1)
                    proxy.set(.pass)
                    try await eventually("it is given back") { try server("EXISTS", "{app:a}:fill") == 0 }
                }
            }
        }
    }
}
