import RedisCore
import TestSupport
import Testing

/// A failover in which the old server lives on, with some of the client's connections.
@Suite struct FailoverTests {
    /// An address that leads to one of two servers, as a name does in a DNS.
    private func withMovingAddress(
        _ body: (_ old: RedisServer, _ new: RedisServer, RedisConfiguration, _ move: () throws -> Void) async throws
            -> Void
    ) async throws {
        try await withRedisServer { old in
            try await withRedisServer { new in
                let address = try MovingAddress(to: old)
                let configuration = impatient(.unix(path: address.path)) { $0.clientName = "app" }
                try await body(old, new, configuration) { try address.lead(to: new) }
            }
        }
    }

    private func connections(_ server: RedisServer) throws -> Set<String> {
        Set(try server.clients().compactMap { $0["name"] }.filter { $0.hasPrefix("app:") })
    }

    private func cut(_ role: String, of server: RedisServer) throws {
        for client in try server.clients() where client["name"] == "app:\(role)" {
            try server("CLIENT", "KILL", "ID", client["id"] ?? "")
        }
    }

    /// The heartbeats are out of the way: nothing else would find out.
    @Test(arguments: ["commands", "control", "subscriber"])
    func `connections that the old server keeps follow the one that was lost`(role: String) async throws {
        try await withMovingAddress { old, new, configuration, move in
            try await withClient(configuration) { redis in
                let log = TrackingLog(redis)
                let tracking = try redis.track(prefixes: ["t:"], log)
                let subscription = try await redis.subscribe(channels: ["news"])
                try await redis.command(RedisCommand("PING"), on: .control)
                try await eventually("all are up") { try connections(old).count == 3 && log.heard(.ready) }
                log.forget()
                try move()
                try cut(role, of: old)
                try await eventually("all have moved") {
                    try connections(new).count == 3 && connections(old).isEmpty && log.heard(.ready)
                }
                #expect(log.changes == [.interrupted, .ready])
                try new("SET", "t:1", "1")
                try await eventually("told by the new server") { log.heard(.changed("t:1")) }
                // Tracking is switched on before the names are sent.
                try await eventually("subscribed again") { try new("PUBSUB", "NUMSUB", "news").array?.last == 1 }
                try new("PUBLISH", "news", "x")
                guard case .gap = try await within(.seconds(60), "an event", { await subscription.nextEvent() }) else {
                    Issue.record("no gap")
                    return
                }
                guard case .message = try await within(.seconds(60), "an event", { await subscription.nextEvent() })
                else {
                    Issue.record("no message")
                    return
                }
                tracking.cancel()
            }
        }
    }

    /// Connections that lead to different servers from the start, as behind a balancer, are left in peace.
    @Test func `a connection that followed makes no other follow`() async throws {
        try await withMovingAddress { old, new, configuration, move in
            try await withClient(configuration) { redis in
                let log = TrackingLog(redis)
                let tracking = try redis.track(prefixes: ["t:"], log)
                try await redis.command(RedisCommand("PING"), on: .control)
                try await eventually("all are up") { try connections(old).count == 3 && log.heard(.ready) }
                func made() throws -> Int { Int(try new.info("stats")["total_connections_received"] ?? "") ?? -1 }
                let before = try made()
                try move()
                try cut("commands", of: old)
                try await eventually("all have moved") { try connections(new).count == 3 && connections(old).isEmpty }
                for _ in 0..<20 { try await redis.ping() }
                // Each of them once.
                #expect(try made() == before + 3)
                tracking.cancel()
            }
        }
    }

    /// Behind an address with two servers a single loss must not cut what is in flight on the others.
    @Test func `a connection that finds the server it had before moves nothing`() async throws {
        try await withMovingAddress { old, new, configuration, move in
            // Its first connection and the others lead to different servers.
            try await RedisClient.withClient(configuration, logger: quietLogger) { redis in
                let log = TrackingLog(redis)
                let tracking = try redis.track(prefixes: ["t:"], log)
                try await eventually("the subscriber is up") { log.heard(.ready) }
                log.forget()
                try move()
                try await redis.command(RedisCommand("PING"), on: .control)
                try await eventually("apart") { try connections(new) == ["app:control"] }
                func others() throws -> Set<String?> { Set(try old.clients().map { $0["id"] }) }
                let before = try others()
                let first = try new.clients().compactMap { $0["name"] == "app:control" ? $0["id"] : nil }
                try cut("control", of: new)
                for _ in 0..<20 { try await redis.command(RedisCommand("PING"), on: .control) }
                #expect(try connections(new) == ["app:control"])
                #expect(try others() == before && log.changes.isEmpty)
                #expect(try !new.clients().contains { $0["id"] == first.first })
                tracking.cancel()
            }
        }
    }

    @Test func `exclusive connections to the old server are not handed out again`() async throws {
        try await withMovingAddress { old, new, configuration, move in
            try await withClient(configuration) { redis in
                try await redis.withExclusiveConnection { taken in
                    try await redis.withExclusiveConnection { _ = try await $0.command(RedisCommand("PING")) }
                    _ = try await taken.command(RedisCommand("PING"))
                    func exclusive(_ server: RedisServer) throws -> Int {
                        try server.clients().filter { $0["name"] == "app:exclusive" }.count
                    }
                    #expect(try exclusive(old) == 2)
                    try move()
                    try cut("commands", of: old)
                    try await redis.ping()
                    // The idle one ends, the one in use does not.
                    try await eventually("one is left") { try exclusive(old) == 1 }
                    _ = try await taken.command(RedisCommand("SET", "last", "1", "PX", "60000"))
                    #expect(try old("EXISTS", "last") == 1)
                }
                try await redis.withExclusiveConnection {
                    _ = try await $0.command(RedisCommand("SET", "next", "1", "PX", "60000"))
                }
                #expect(try new("EXISTS", "next") == 1)
                try await eventually("none is left") { try connections(old).isEmpty }
            }
        }
    }

    @Test func `the same server answering again moves nothing`() async throws {
        try await withRedisServer { server in
            try await withClient(impatient(server.unix) { $0.clientName = "app" }) { redis in
                let log = TrackingLog(redis)
                let tracking = try redis.track(prefixes: ["t:"], log)
                try await redis.command(RedisCommand("PING"), on: .control)
                try await eventually("all are up") { try connections(server).count == 3 && log.heard(.ready) }
                log.forget()
                let before = try server.clients().compactMap { $0["name"] == "app:commands" ? nil : $0["id"] }
                try cut("commands", of: server)
                try await eventually("back") { try connections(server).count == 3 }
                let after = try server.clients().compactMap { $0["name"] == "app:commands" ? nil : $0["id"] }
                #expect(Set(before) == Set(after) && log.changes.isEmpty)
                tracking.cancel()
            }
        }
    }
}
