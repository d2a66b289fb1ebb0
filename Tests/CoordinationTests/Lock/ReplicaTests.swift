import RedisCore
import TestSupport
import Testing

@testable import Coordination

@Suite struct ReplicaTests {
    private let key = "signalbox:lock:{a}"

    private func withReplica(_ body: @escaping @Sendable (RedisServer, RedisServer, RedisClient) async throws -> Void)
        async throws
    {
        let primary = RedisServerOptions(directives: ["repl-diskless-sync-delay": "0"], checksLeaks: true)
        try await withRedis(primary) { server, redis in
            try await withRedisServer { replica in
                try replica("REPLICAOF", "127.0.0.1", "\(server.port)")
                try await eventually("the replica is in step", within: .seconds(60)) {
                    try server.info("replication")["connected_slaves"] == "1"
                        && replica.info("replication")["master_link_status"] == "up"
                }
                try await body(server, replica, redis)
            }
        }
    }

    @Test func `a grant counts when a replica has it`() async throws {
        try await withReplica { _, replica, redis in
            let locks = Locks(redis, replicas: .atLeast(1, within: .seconds(20)))
            let lease = try await locks.acquire("a")
            #expect(try replica("GET", key) == .bulk(Array(lease.core.token.text.utf8)))
            #expect(try await locks.tryAcquire("a") == nil)
            #expect(try await lease.release() == .released)
        }
    }

    @Test func `too few replicas are an error, and the lock is given back`() async throws {
        try await withReplica { server, replica, redis in
            let two = Locks(redis, replicas: .atLeast(2, within: .milliseconds(50)))
            let error = await expectError(.tooFewReplicas) {
                try await two.acquire("a", ttl: .seconds(600), wait: .seconds(120))
            }
            #expect(error?.message.contains("of 2 replicas") == true)
            try await eventually("the first was given back") { try server("EXISTS", key) == 0 }
            await expectError(.tooFewReplicas) { try await two.tryAcquire("a", ttl: .seconds(600)) }
            let one = Locks(redis, replicas: .atLeast(1, within: .milliseconds(50)))
            replica.pause()
            await expectError(.tooFewReplicas) { try await one.tryAcquire("a", ttl: .seconds(600)) }
            replica.resume()
            try await eventually("the others were given back") { try server("EXISTS", key) == 0 }
            #expect(two.engine.renewals.count == 0)
        }
    }

    @Test func `a waiting replica blocks nobody else's commands`() async throws {
        try await withReplica { server, replica, redis in
            replica.pause()
            defer { replica.resume() }
            let slow = Task {
                try await Locks(redis, replicas: .atLeast(1, within: .seconds(60))).tryAcquire("a", ttl: .seconds(90))
            }
            try await eventually("it waits") { try server.clients().contains { $0["cmd"] == "wait" } }
            try await Locks(redis).acquire("b").release()
            try await redis.set("c", to: "d", expiresIn: .seconds(60))
            replica.resume()
            try await slow.value?.release()
        }
    }

    @Test func `a caller that is cancelled while replicas are waited for holds nothing`() async throws {
        try await withReplica { server, replica, redis in
            replica.pause()
            defer { replica.resume() }
            let slow = Task {
                try await Locks(redis, replicas: .atLeast(1, within: .seconds(60))).tryAcquire("a", ttl: .seconds(90))
            }
            try await eventually("it waits") { try server.clients().contains { $0["cmd"] == "wait" } }
            slow.cancel()
            await #expect(throws: CancellationError.self) { try await slow.value }
            try await eventually("given back") { try server("EXISTS", key) == 0 }
        }
    }

    @Test func `a grant that arrives after its caller was cancelled and the lock given back is given back again`()
        async throws
    {
        try await withRedisServer(.init(checksLeaks: true)) { server in
            try server.load(LockScripts.acquire, LockScripts.release)
            try await withFaultProxy(to: server.tcp) { proxy in
                try await withClient(proxy.configuration) { redis in
                    let locks = Locks(redis, replicas: .atLeast(1, within: .milliseconds(1)))
                    // Opens the grants' connection and the releases'.
                    await expectError(.tooFewReplicas) { try await locks.tryAcquire("b") }
                    var isGivenBack = false
                    // On a machine that stands still the grant may come after the time in which it is given back: then
                    // another one is asked for.
                    for round in 0..<5 where !isGivenBack {
                        let key = "signalbox:lock:{a\(round)}"
                        proxy.set(.delay(.milliseconds(500)))
                        let slow = Task { try await locks.tryAcquire("a\(round)", ttl: .seconds(600)) }
                        try await eventually("it is under way") { proxy.commands(containing: key) == 1 }
                        proxy.set(.pass)
                        slow.cancel()
                        await #expect(throws: CancellationError.self) { try await slow.value }
                        try await eventually("the grant arrived") { try server("EXISTS", key + ":fence") == 1 }
                        do {
                            try await eventually("given back", within: .seconds(10)) { try server("EXISTS", key) == 0 }
                            isGivenBack = true
                        } catch is TestTimeout {}
                    }
                    #expect(isGivenBack)
                }
            }
        }
    }

    @Test func `a grant whose WAIT is refused is given back`() async throws {
        try await withRedis { server, redis in
            try server("ACL", "SETUSER", "default", "-wait")
            let locks = Locks(redis, replicas: .atLeast(1, within: .milliseconds(1)))
            await expectError(.unavailable) { try await locks.tryAcquire("a", ttl: .seconds(600)) }
            try await eventually("given back") { try server("EXISTS", key) == 0 }
            #expect(try server("EXISTS", key + ":fence") == 1)
        }
    }

    @Test(arguments: [0, 65])
    func `a senseless number is refused`(count: Int) async throws {
        try await withRedis { _, redis in
            await expectError(.invalidArgument) {
                try await Locks(redis, replicas: .atLeast(count, within: .seconds(1))).tryAcquire("a")
            }
            await expectError(.invalidArgument) {
                try await Locks(redis, replicas: .atLeast(1, within: .zero)).tryAcquire("a")
            }
        }
    }
}
