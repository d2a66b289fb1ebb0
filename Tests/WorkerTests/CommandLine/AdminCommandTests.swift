import Coordination
import RedisCore
import TestSupport
import Testing

@testable import worker

/// The verbs that look into coordination and change it by hand.
@Suite struct AdminCommandTests {
    private func run(_ server: RedisServer, _ arguments: String...) async throws -> (
        code: Int32, output: String, errors: String
    ) {
        try await WorkerProcess.run(arguments, environment: ["REDIS_URL": server.tcpURL])
    }

    private func withServer(_ body: (RedisServer, RedisClient) async throws -> Void) async throws {
        try await withRedisServer { server in
            try await RedisClient.withClient(server.configuration) { redis in try await body(server, redis) }
        }
    }

    @Test func `a limit is shown and reset, and what is not known is said`() async throws {
        try await withServer { server, redis in
            let limiter = try RateLimiter(redis, limit: 2, per: .seconds(3_600), name: "api")
            for _ in 0..<3 { _ = try await limiter.check("user:7") }
            try await eventually("the limiter has announced itself") {
                try await !RateLimiter.announced(redis, name: "api").isEmpty
            }
            let shown = try await run(server, "limit", "show", "api", "user:7")
            #expect(shown.code == 0, "\(shown.errors)")
            #expect(shown.output.contains("REMAINING") && shown.output.contains("slidingWindowLog"))
            let json = try await run(server, "limit", "show", "api", "user:7", "--json")
            #expect(json.output.contains(#""remaining":0"#))
            let asked = try await run(server, "limit", "reset", "api", "user:7")
            #expect(asked.code == 64)
            #expect(asked.errors.contains("--yes"))
            #expect(try await run(server, "limit", "reset", "api", "user:7", "--yes").code == 0)
            #expect(
                try await run(server, "limit", "show", "api", "user:7", "--json").output.contains(#""remaining":2"#))
            let unknown = try await run(server, "limit", "show", "nothing", "user:7")
            #expect(unknown.code == 64)
            #expect(unknown.errors.contains("nothing"))
        }
    }

    @Test func `locks are listed and shown, and one is taken from its holder`() async throws {
        try await withServer { server, redis in
            let locks = Locks(redis)
            let lease = try await locks.acquire("payment:7", ttl: .seconds(600))
            let other = try await locks.acquire("other\u{1B}[2J", ttl: .seconds(600))
            let all = try await run(server, "lock", "ls")
            #expect(all.code == 0, "\(all.errors)")
            #expect(all.output.contains("payment:7") && all.output.contains("\(lease.fencingToken)"))
            #expect(!all.output.contains("\u{1B}"), "a name drives the terminal")
            let some = try await run(server, "lock", "ls", "payment:*", "--json")
            #expect(some.output.split(separator: "\n").count == 1)
            #expect(some.output.contains(#""isHeld":true"#))
            #expect(try await run(server, "lock", "show", "payment:7").output.contains("…"))
            #expect(try await run(server, "lock", "release", "payment:7").code == 64)
            #expect(try await lease.isHeld())
            let freed = try await run(server, "lock", "release", "payment:7", "--yes", "--by", "ann", "--json")
            #expect(freed.output.contains(#""released":true"#), "\(freed.errors)")
            #expect(try await !lease.isHeld())
            #expect(try await run(server, "lock", "release", "payment:7", "-y").output.contains("nobody"))
            #expect(try await run(server, "lock", "show", "payment:7", "--json").output.contains(#""isHeld":false"#))
            try await other.release()
        }
    }

    @Test func `a fair lock and a read-write lock are taken from their holders by their kind`() async throws {
        try await withServer { server, redis in
            let fair = try await FairLocks(redis).acquire("a", ttl: .seconds(600))
            let readers = [
                try await ReadWriteLocks(redis).read("a", ttl: .seconds(600)),
                try await ReadWriteLocks(redis).read("a", ttl: .seconds(600)),
            ]
            #expect(try await run(server, "lock", "release", "a", "--yes").output.contains("nobody held it"))
            let first = try await run(server, "lock", "release", "a", "--kind", "fair", "--yes", "--json")
            #expect(first.output.contains(#""released":true"#), "\(first.errors)")
            #expect(first.output.contains(#""previousFence":\#(fair.fencingToken)"#))
            #expect(try await !fair.isHeld())
            #expect(try await readers[0].isHeld())
            let second = try await run(server, "lock", "release", "a", "--kind", "readWrite", "--yes")
            #expect(second.output.contains("2 readers"), "\(second.errors)")
            for lease in readers { #expect(try await !lease.isHeld()) }
        }
    }

    @Test(arguments: ["fair", "readWrite"])
    func `plain keys and another kind than a mutex exclude each other`(kind: String) async throws {
        try await withServer { server, redis in
            let lease = try await Locks(redis, keys: .plain(prefix: "lock")).acquire("a", ttl: .seconds(600))
            let refused = try await run(
                server, "lock", "release", "a", "--kind", kind, "--plain", "lock", "--yes")
            #expect(refused.code == 64)
            #expect(refused.errors.contains("--plain") && refused.errors.contains(kind))
            #expect(try await lease.isHeld())
            let freed = try await run(server, "lock", "release", "a", "--kind", "mutex", "--plain", "lock", "--yes")
            #expect(freed.code == 0, "\(freed.errors)")
            #expect(try await !lease.isHeld())
        }
    }

    @Test func `a leader is listed and made to resign`() async throws {
        try await withServer { server, redis in
            #expect(try await run(server, "leader", "ls").output.contains("nobody"))
            let election = try LeaderElection(redis, name: "billing", id: "host-1") { _ in
                // Until the term ends, which cancels this.
                for await _ in AsyncStream<Never>.makeStream().stream {}
            }
            let campaign = Task { try await election.run() }
            try await eventually("somebody leads") {
                try await Elections(redis).currentLeader("billing")?.id == "host-1"
            }
            let listed = try await run(server, "leader", "ls", "--json")
            #expect(listed.output.contains(#""id":"host-1""#), "\(listed.errors)")
            #expect(try await run(server, "leader", "ls").output.contains("billing"))
            #expect(try await run(server, "leader", "resign", "billing").code == 64)
            let resigned = try await run(server, "leader", "resign", "billing", "--bar", "10m", "--yes")
            #expect(resigned.output.contains("host-1 resigned"), "\(resigned.errors)")
            #expect(try await run(server, "leader", "resign", "billing", "--yes", "--json").output.contains("false"))
            campaign.cancel()
            _ = await campaign.result
        }
    }

    @Test func `a task is shown and released`() async throws {
        try await withServer { server, redis in
            #expect(try await run(server, "once", "show", "a/7").output.contains("can run"))
            _ = try await TaskCoordinator(redis, owner: "host-1").once("a/7") { _ in 1 }
            let shown = try await run(server, "once", "show", "a/7", "--json")
            #expect(shown.output.contains(#""phase":"done""#) && shown.output.contains("host-1"), "\(shown.errors)")
            #expect(try await run(server, "once", "show", "a/7").output.contains("PHASE"))
            #expect(try await run(server, "once", "release", "a/7").code == 64)
            #expect(try await run(server, "once", "release", "a/7", "--yes").output.contains("it was done at host-1"))
            #expect(try await run(server, "once", "release", "a/7", "--yes").output.contains("nothing"))
        }
    }
}
