/// What `RedisClient.health` found: a verdict with its reasons, and the figures behind them.
///
/// Encodes to flat JSON with durations in milliseconds: `{"status":"healthy","latencyMilliseconds":0.2,…}`.
public struct RedisHealth: Sendable, Hashable {
    /// The verdict.
    public enum Status: String, Sendable, Hashable, Codable {
        /// Everything answers.
        case healthy
        /// It works, with something a person should look at.
        case degraded
        /// It does not serve commands.
        case unhealthy
    }
    /// The verdict.
    public var status: Status
    /// One sentence per finding, the gravest first; empty when healthy.
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
    /// `used_memory_human`, such as `1.5M`.
    public var usedMemoryHuman: String?
    /// `used_memory_rss`, bytes.
    public var residentMemory: Int?
    /// `maxmemory`, bytes; 0 means no limit.
    public var maxMemory: Int?
    /// `maxmemory_policy`.
    public var evictionPolicy: String?
    /// `evicted_keys` since the server's start.
    public var evictedKeys: Int?
    /// Seconds since a replica heard its master, or of a master's slowest replica; nil without replication.
    public var replicationLag: Duration?
    /// Lag of the client's event loop.
    public var loopLag: Duration
    /// Age of the last proof that the subscriber connection delivers; nil without subscriptions.
    public var subscriberHeartbeatAge: Duration?
    /// Reconnections since the client was made.
    public var reconnects: Int
}

extension RedisHealth: Codable {
    private enum CodingKeys: String, CodingKey {
        case status, reasons, latencyMilliseconds, version, role, connectedClients, usedMemory, usedMemoryHuman
        case residentMemory, maxMemory, evictionPolicy, evictedKeys, replicationLagMilliseconds, loopLagMilliseconds
        case subscriberHeartbeatAgeMilliseconds, reconnects
    }

    /// Writes one flat object; absent figures are left out.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(status, forKey: .status)
        try container.encode(reasons, forKey: .reasons)
        try container.encodeIfPresent(latency?.inMilliseconds, forKey: .latencyMilliseconds)
        try container.encodeIfPresent(version, forKey: .version)
        try container.encodeIfPresent(role, forKey: .role)
        try container.encodeIfPresent(connectedClients, forKey: .connectedClients)
        try container.encodeIfPresent(usedMemory, forKey: .usedMemory)
        try container.encodeIfPresent(usedMemoryHuman, forKey: .usedMemoryHuman)
        try container.encodeIfPresent(residentMemory, forKey: .residentMemory)
        try container.encodeIfPresent(maxMemory, forKey: .maxMemory)
        try container.encodeIfPresent(evictionPolicy, forKey: .evictionPolicy)
        try container.encodeIfPresent(evictedKeys, forKey: .evictedKeys)
        try container.encodeIfPresent(replicationLag?.inMilliseconds, forKey: .replicationLagMilliseconds)
        try container.encode(loopLag.inMilliseconds, forKey: .loopLagMilliseconds)
        try container.encodeIfPresent(
            subscriberHeartbeatAge?.inMilliseconds, forKey: .subscriberHeartbeatAgeMilliseconds)
        try container.encode(reconnects, forKey: .reconnects)
    }

    /// Reads what `encode(to:)` wrote; durations come back in whole nanoseconds.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        func duration(_ key: CodingKeys) throws -> Duration? {
            try container.decodeIfPresent(Double.self, forKey: key).map { .nanoseconds(Int64(($0 * 1e6).rounded())) }
        }
        status = try container.decode(Status.self, forKey: .status)
        reasons = try container.decode([String].self, forKey: .reasons)
        latency = try duration(.latencyMilliseconds)
        version = try container.decodeIfPresent(String.self, forKey: .version)
        role = try container.decodeIfPresent(String.self, forKey: .role)
        connectedClients = try container.decodeIfPresent(Int.self, forKey: .connectedClients)
        usedMemory = try container.decodeIfPresent(Int.self, forKey: .usedMemory)
        usedMemoryHuman = try container.decodeIfPresent(String.self, forKey: .usedMemoryHuman)
        residentMemory = try container.decodeIfPresent(Int.self, forKey: .residentMemory)
        maxMemory = try container.decodeIfPresent(Int.self, forKey: .maxMemory)
        evictionPolicy = try container.decodeIfPresent(String.self, forKey: .evictionPolicy)
        evictedKeys = try container.decodeIfPresent(Int.self, forKey: .evictedKeys)
        replicationLag = try duration(.replicationLagMilliseconds)
        loopLag = try duration(.loopLagMilliseconds) ?? .zero
        subscriberHeartbeatAge = try duration(.subscriberHeartbeatAgeMilliseconds)
        reconnects = try container.decode(Int.self, forKey: .reconnects)
    }
}
