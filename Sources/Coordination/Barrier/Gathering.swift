import RedisCore

/// So many participants under one key, checked once: what a latch and a barrier are made of.
struct Gathering: Sendable {
    let engine: CoordinationEngine
    let name: String
    let count: Int
    let key: String
    let wakeSuffix: String
    let ttl: LeaseTime

    var wakeChannel: String { key + wakeSuffix }

    /// `noun` is what errors call it.
    init(
        _ redis: RedisClient, _ noun: String, _ name: String, count: Int, ttl: Duration,
        key: (CoordinationKeys) throws(CoordinationError) -> String
    ) throws(CoordinationError) {
        let keys = CoordinationKeys(redis.configuration, naming: .standard)
        guard (1...CountDownLatch.mostParticipants).contains(count) else {
            throw CoordinationError(
                .invalidArgument, operation: noun, key: name,
                message: "a \(noun) has 1 to \(CountDownLatch.mostParticipants) participants, not \(count)")
        }
        self.name = name
        self.count = count
        self.key = try key(keys)
        self.ttl = try LeaseTime(ttl, "the time to live", operation: noun)
        wakeSuffix = keys.wakeSuffix
        engine = CoordinationEngine.of(redis)
    }
}
