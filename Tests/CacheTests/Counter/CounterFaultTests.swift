import RedisCore
import TestSupport
import Testing

@testable import Cache

/// T4 and T2 for counters and boards: the link is cut before or after the server executed a call, or Redis is gone.
@Suite struct CounterFaultTests {
    private func withCut(_ body: (RedisServer, FaultProxy, RedisClient) async throws -> Void) async throws {
        try await withRedisServer(immortalByDesign) { server in
            try await withFaultProxy(to: server.tcp) { proxy in
                try await withClient(proxy.configuration) { redis in try await body(server, proxy, redis) }
            }
        }
    }

    /// Loads a script, so that the proxy sees its SHA.
    private func load(_ server: RedisServer, _ script: RedisScript) throws -> String {
        try #require(server("SCRIPT", "LOAD", script.source).string)
    }

    @Test(arguments: [true, false])
    func `an increment with a request's id counts once`(executed: Bool) async throws {
        try await withCut { server, proxy, redis in
            let options = CountersOptions(timeout: .seconds(20))
            let counters = Counters(redis, name: "a", options: options)
            let add = try load(server, CountersScripts.add(isMarked: true))
            proxy.set(executed ? .cutBeforeReply(match: add) : .cutBeforeSend(match: add))
            #expect(try await counters.increment("n", by: 5, requestID: "r") == 5)
            #expect(proxy.faultDone.count == 1)
            #expect(try server("GET", "signalbox:counter:{a:n}") == "5")

            let bucket = try load(server, CountersScripts.addToBucket(isMarked: true))
            proxy.set(executed ? .cutBeforeReply(match: bucket) : .cutBeforeSend(match: bucket))
            #expect(try await counters.by(.day, keep: 3).add("n", by: 5, requestID: "r") == 5)
            #expect(proxy.faultDone.count == 2)

            let take = try load(server, CountersScripts.take(isMarked: true))
            proxy.set(executed ? .cutBeforeReply(match: take) : .cutBeforeSend(match: take))
            #expect(try await counters.getAndReset("n", requestID: "t") == 5)
            #expect(proxy.faultDone.count == 3)
        }
    }

    @Test func `an increment without one is sent once, and the error says that nobody knows`() async throws {
        try await withCut { server, proxy, redis in
            let counters = Counters(redis, name: "a", options: .init(timeout: .seconds(20)))
            proxy.set(.cutBeforeReply(match: "INCRBY"))
            let error = await expectError(.unavailable) { try await counters.increment("n", by: 5) }
            #expect((error?.underlying as? RedisError)?.wasWritten == true)
            #expect(try server("GET", "signalbox:counter:{a:n}") == "5")

            let bucket = try load(server, CountersScripts.addToBucket(isMarked: false))
            proxy.set(.cutBeforeReply(match: bucket))
            await expectError(.unavailable) { try await counters.by(.day, keep: 3).add("n") }
            let take = try load(server, CountersScripts.take(isMarked: false))
            proxy.set(.cutBeforeReply(match: take))
            await expectError(.unavailable) { try await counters.getAndReset("n") }
            proxy.set(.pass)
            #expect(try await counters.by(.day, keep: 3).sum("n", last: 1) == 1)
        }
    }

    @Test(arguments: [true, false])
    func `a score with a request's id is raised once`(executed: Bool) async throws {
        try await withCut { server, proxy, redis in
            let board = Leaderboard(redis, name: "b", options: .init(timeout: .seconds(20)))
            let script = try load(server, LeaderboardScripts.increment(isMarked: true))
            proxy.set(executed ? .cutBeforeReply(match: script) : .cutBeforeSend(match: script))
            #expect(
                try await board.increment("ada", by: 2.5, requestID: "r")
                    == LeaderboardUpdate(score: 2.5, changed: true))
            #expect(proxy.faultDone.count == 1)
            #expect(try server("ZSCORE", "signalbox:board:{b}", "ada") == "2.5")
        }
    }

    @Test(arguments: [true, false])
    func `setting a score is repeated, raising one without a request's id is not`(executed: Bool) async throws {
        try await withCut { server, proxy, redis in
            let board = Leaderboard(redis, name: "b", options: .init(timeout: .seconds(20)))
            let set = try load(server, LeaderboardScripts.set)
            proxy.set(executed ? .cutBeforeReply(match: set) : .cutBeforeSend(match: set))
            #expect(try await board.add("ada", score: 7).score == 7)
            #expect(proxy.faultDone.count == 1)
            let raise = try load(server, LeaderboardScripts.increment(isMarked: false))
            proxy.set(.cutBeforeReply(match: raise))
            await expectError(.unavailable) { try await board.increment("ada") }
            #expect(try server("ZSCORE", "signalbox:board:{b}", "ada") == "8")
        }
    }

    @Test func `without Redis every call is unavailable, and counting goes on when it is back`() async throws {
        try await withRedis(.init(persistent: true)) { server, redis in
            let counters = Counters(redis, name: "a", options: .init(timeout: .milliseconds(200)))
            let board = Leaderboard(redis, name: "b", options: .init(timeout: .milliseconds(200)))
            // What has to succeed waits as long as it takes.
            let unhurried = Leaderboard(redis, name: "b", options: .unhurried)
            try await Counters(redis, name: "a", options: .unhurried).increment("n", by: 5)
            try await unhurried.add("ada", score: 7)
            await server.kill()
            await expectError(.unavailable) { try await counters.increment("n", requestID: "r") }
            await expectError(.unavailable) { try await counters.get("n") }
            await expectError(.unavailable) { try await board.top(3) }
            await expectError(.unavailable) { try await board.increment("ada") }
            try await server.start()
            try await eventually("it answers again", within: .seconds(60)) {
                (try? await counters.increment("n", requestID: "r")) == 6
            }
            #expect(try await unhurried.standing(of: "ada") == LeaderboardStanding(rank: 1, score: 7, total: 1))
        }
    }

    @Test func `a server that takes no writes is told, and reads go on`() async throws {
        try await withRedis(immortalByDesign) { server, redis in
            let counters = Counters(redis, name: "a", options: .init(ttl: .after(.seconds(60)), timeout: .seconds(60)))
            try await counters.increment("n", by: 5)
            try server("REPLICAOF", "127.0.0.1", "1")
            let error = await expectError(.unavailable) { try await counters.increment("n") }
            #expect((error?.underlying as? RedisError)?.code == .readOnly)
            #expect(try await counters.get("n") == 5)
            try server("REPLICAOF", "NO", "ONE")
            try server("CONFIG", "SET", "maxmemory", "1")
            let full = await expectError(.unavailable) {
                try await Leaderboard(redis, name: "b", options: .unhurried).add("ada", score: 1)
            }
            #expect((full?.underlying as? RedisError)?.code == .outOfMemory)
            try server("CONFIG", "SET", "maxmemory", "0")
            #expect(try await counters.increment("n") == 6)
        }
    }
}
