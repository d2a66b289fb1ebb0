import RedisCore
import TestSupport
import Testing

@testable import Cache

/// A failover in which the old server lives on, cut off, with some connections of this process.
@Suite struct NearFailoverTests {
    /// The heartbeats would go round on the old server for ever: they are not what helps.
    @Test func `a near cache does not go on by the old server's word when reads come from the new one`() async throws {
        try await withRedisServer(.init(checksLeaks: true)) { old in
            try await withRedisServer(.init(checksLeaks: true)) { new in
                let address = try MovingAddress(to: old)
                let configuration = old.patient {
                    $0.endpoint = .unix(path: address.path)
                    $0.clientName = "app"
                    $0.heartbeat = .milliseconds(50)
                }
                try await withClient(configuration) { redis in
                    let cache = try await RedisCache.near(redis)
                    // A busy machine misses such short heartbeats now and then, and with them a call.
                    try await eventually("set") { (try? await cache.set("k", "old")) != nil }
                    try await cache.warm("k", "old")
                    try await eventually("heartbeats go out") {
                        try old.clients().contains { $0["name"] == "app:control" }
                    }
                    try new("SET", "myapp:k", "new", "PX", "100000")
                    let flushes = cache.figures.flushes
                    try address.lead(to: new)
                    try await eventually("dropped") {
                        // More than once: a connection that was being made when the address moved reaches the old one.
                        for client in try old.clients() where client["name"] == "app:commands" {
                            try old("CLIENT", "KILL", "ID", client["id"] ?? "")
                        }
                        return cache.figures.flushes > flushes
                    }
                    try await cache.untilNear(.tracking)
                    try await cache.warm("k", "new")
                    try new("SET", "myapp:k", "newer", "PX", "100000")
                    try await eventually("told by the new server") { try await cache.get("k") == "newer" }
                    try await eventually("nothing of it is left at the old server") {
                        try !old.clients().contains { $0["name"]?.hasPrefix("app:") == true }
                    }
                }
            }
        }
    }
}
