import FoundationEssentials
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
                let path = old.directory + "/moving.sock"
                try FileManager.default.createSymbolicLink(
                    atPath: path, withDestinationPath: old.directory + "/redis.sock")
                let configuration = impatient(.unix(path: path)) { $0.clientName = "app" }
                try await body(old, new, configuration) {
                    try FileManager.default.removeItem(atPath: path)
                    try FileManager.default.createSymbolicLink(
                        atPath: path, withDestinationPath: new.directory + "/redis.sock")
                }
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
    @Test(arguments: ["commands", "control"])
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
