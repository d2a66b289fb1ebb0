import RedisCore
import TestSupport
import Testing

@Suite struct `A client's health` {
    /// For answers that come: a bound for a machine that is busy, not part of what is tested.
    private let patience = Duration.seconds(60)

    /// What was found beyond slowness: this machine may be busy with other tests.
    private func findings(_ health: RedisHealth) -> [String] {
        health.reasons.filter { !$0.contains("a PING took") && !$0.contains("event loop was late") }
    }

    @Test func `is healthy, with the server's figures`() async throws {
        try await withRedisServer { server in
            try await RedisClient.withClient(server.configuration) { redis in
                let health = await redis.health(within: patience)
                #expect(findings(health).isEmpty)
                #expect(health.status != .unhealthy)
                let info = try server.info()
                #expect(health.version == info["redis_version"])
                #expect(health.role == "master")
                #expect(health.evictionPolicy == "noeviction")
                #expect((health.connectedClients ?? 0) > 0 && (health.usedMemory ?? 0) > 0)
                #expect(health.latency != nil)
            }
        }
    }

    @Test func `connects a client that has not connected yet`() async throws {
        try await withRedisServer { server in
            let redis = RedisClient(server.configuration)
            let health = await redis.health(within: patience)
            #expect(findings(health).isEmpty && health.latency != nil)
            await redis.close()
        }
    }

    @Test func `is told within the limit when the server hangs, and recovers`() async throws {
        try await withRedisServer { server in
            var configuration = server.configuration
            // Nothing else may end the wait.
            configuration.heartbeat = .seconds(600)
            configuration.commandTimeout = .seconds(600)
            try await RedisClient.withClient(configuration) { redis in
                _ = await redis.health(within: patience)
                server.pause()
                defer { server.resume() }
                // Far beyond the limit, for a machine that is busy: without a limit this waits for ever.
                let hung = try await within { await redis.health(within: .seconds(1)) }
                #expect(hung.status == .unhealthy && hung.latency == nil)
                #expect(hung.reasons.first?.contains(server.configuration.endpoint.description) == true)
                server.resume()
                try await eventually("well again") { findings(await redis.health(within: patience)).isEmpty }
            }
        }
    }

    @Test func `is told within the limit when the event loop is stuck`() async throws {
        try await withRedisServer { server in
            let loop = EventLoop(name: "stuck")
            let redis = try await RedisClient.connect(server.configuration, eventLoop: loop)
            let release = BlockingGate()
            loop.execute { release.wait() }
            let health = await redis.health(within: .milliseconds(200))
            release.open()
            #expect(health.status == .unhealthy)
            #expect(health.reasons.first?.contains("event loop") == true)
            await redis.close()
            await loop.stop()
        }
    }

    @Test func `of an unreachable server names the address and the reason`() async throws {
        let redis = RedisClient(RedisConfiguration(endpoint: .unix(path: "/nowhere/redis.sock")))
        let health = await redis.health(within: .seconds(1))
        #expect(health.status == .unhealthy)
        #expect(health.reasons.first?.contains("/nowhere/redis.sock") == true)
        await redis.close()
    }

    @Test func `of a closed client is unhealthy, at once`() async throws {
        let redis = RedisClient(RedisConfiguration(endpoint: .unix(path: "/nowhere/redis.sock")))
        await redis.close()
        let health = await redis.health(within: .seconds(60))
        #expect(health.status == .unhealthy)
        #expect(health.reasons.first?.contains("closed") == true)
    }

    @Test func `shows a wrong password without the password`() async throws {
        try await withRedisServer(.init(directives: ["requirepass": "right"])) { server in
            var configuration = server.configuration
            configuration.password = Secret("hunter2")
            let redis = RedisClient(configuration, logger: quietLogger)
            let health = await redis.health(within: patience)
            #expect(health.status == .unhealthy)
            #expect(health.reasons.first?.contains("password") == true)
            #expect(!health.reasons.joined().contains("hunter2"))
            await redis.close()
        }
    }

    @Test func `finds a replica, full memory and a broken snapshot on a real server`() async throws {
        try await withRedisServer { server in
            try await RedisClient.withClient(server.configuration) { redis in
                try server("CONFIG", "SET", "maxmemory", "1mb")
                let full = await redis.health(within: patience)
                #expect(full.status != .healthy && full.reasons.contains { $0.contains("maxmemory") }, "\(full)")
                try server("CONFIG", "SET", "maxmemory", "0")
                try server("REPLICAOF", "127.0.0.1", "1")
                let replica = await redis.health(within: patience)
                #expect(replica.status == .degraded)
                #expect(replica.reasons.contains { $0.contains("replica") }, "\(replica.reasons)")
            }
        }
    }
}
