/// What `RedisClient.health` found.
public struct RedisHealth: Sendable {
    /// The verdict.
    public enum Status: String, Sendable, Hashable {
        /// Everything answers.
        case healthy
        /// It works, with something a person should look at.
        case degraded
        /// It does not serve commands.
        case unhealthy
    }
    /// The verdict.
    public var status: Status
    /// One sentence per finding; empty when healthy.
    public var reasons: [String]
    /// Round trip of a PING; nil when it was not answered.
    public var latency: Duration?
    /// `redis_version`.
    public var version: String?
    /// `role`: master, slave.
    public var role: String?
    /// `connected_clients`.
    public var connectedClients: Int?
    /// `used_memory`, bytes.
    public var usedMemory: Int?
    /// `used_memory_rss`, bytes.
    public var residentMemory: Int?
    /// `maxmemory`, bytes; 0 means no limit.
    public var maxMemory: Int?
    /// `maxmemory_policy`.
    public var evictionPolicy: String?
    /// Lag of the client's event loop.
    public var loopLag: Duration
    /// Age of the last proof that the subscriber connection delivers; nil without subscriptions.
    public var subscriberHeartbeatAge: Duration?
    /// Reconnections since the client was made.
    public var reconnects: Int
}
