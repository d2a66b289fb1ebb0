import Cache
import Foundation
import RedisCore

/// What the cache's cases store: a struct of 200 bytes of JSON, as applications have them.
enum CacheDataset {
    struct Profile: Codable, Sendable, Equatable {
        var id: Int
        var name: String
        var email: String
        var roles: [String]
        var score: Double
        var isActive: Bool
        var about: String
    }

    static let profile = Profile(
        id: 1_234_567, name: "Ada Lovelace", email: "ada@example.org", roles: ["admin", "author"], score: 99.5,
        isActive: true, about: "Writes programs for engines that are still to be built, and long notes.")

    static let size = 200
    static let minute = Duration.seconds(60)

    /// The profile's JSON, in the cache's own form.
    static func json() throws -> Data {
        let data = try JSONCacheSerializer().encode(profile)
        guard data.count == size else {
            throw BenchmarkError("the profile has \(data.count) bytes of JSON, not \(size)")
        }
        return data
    }

    /// As many bytes, for cases without JSON.
    static let bytes = Data(repeating: UInt8(ascii: "x"), count: size)

    static func cache(_ redis: RedisClient) -> RedisCache {
        RedisCache(redis, prefix: "bench:cache", options: CacheOptions(defaultTTL: .after(.seconds(3_600))))
    }

    /// An entry as it stands in Redis.
    static func stored(_ key: String, of cache: RedisCache, in redis: RedisClient) async throws -> [UInt8] {
        guard let bytes = try await redis.get(try cache.redisKey(key)) else {
            throw BenchmarkError("\(key) is not in the cache")
        }
        return bytes
    }
}
