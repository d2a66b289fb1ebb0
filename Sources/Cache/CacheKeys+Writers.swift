import RedisCore

extension CacheKeys {
    /// Who is changing the source of an entry.
    static func writers(of entry: RedisKey) -> RedisKey { RedisKey("{\(entry.name)}:writers") }
}
