import CFloor
import Cache
import Foundation
import RedisCore

/// What an entry costs beside its round trip: JSON, compression, and bytes on the server.
enum CacheFigures {
    static var all: [Figure] {
        [
            Figure(name: "json", summary: "CPU of JSON for a struct of 200 bytes, in one thread", measure: json),
            Figure(name: "zstd", summary: "CPU of Zstandard, level 1, for JSON of 1, 4 and 64 KiB", measure: zstd),
            Figure(
                name: "cache.bytes", summary: "server's bytes per entry of 200 bytes, by MEMORY USAGE",
                measure: bytes),
        ]
    }

    /// CPU time of one call of `body`, µs.
    private static func microseconds(_ times: Int, _ body: () throws -> Void) rethrows -> Double {
        for _ in 0..<times / 10 { try body() }
        let begin = Reading(operations: 0)
        for _ in 0..<times { try body() }
        return (Reading(operations: times).cpu - begin.cpu) * 1e6 / Double(times)
    }

    // MARK: JSON

    private static func json(_ environment: Environment) throws -> [(String, Double?)]? {
        let (serializer, profile, data) = (JSONCacheSerializer(), CacheDataset.profile, try CacheDataset.json())
        let encoding = try microseconds(50_000) {
            guard try serializer.encode(profile).count == CacheDataset.size else {
                throw BenchmarkError("the profile changed its size")
            }
        }
        let decoding = try microseconds(50_000) {
            guard try serializer.decode(CacheDataset.Profile.self, from: data) == profile else {
                throw BenchmarkError("the profile changed")
            }
        }
        return [("encode_us", encoding), ("decode_us", decoding)]
    }

    // MARK: Compression

    /// The calls that `CacheCompression` makes, with contexts that are used again as it does.
    private static func zstd(_ environment: Environment) throws -> [(String, Double?)]? {
        guard let packer = ZSTD_createCCtx(), let unpacker = ZSTD_createDCtx() else {
            throw BenchmarkError("zstd has no memory")
        }
        defer {
            ZSTD_freeCCtx(packer)
            ZSTD_freeDCtx(unpacker)
        }
        var figures: [(String, Double?)] = []
        for kibibytes in [1, 4, 64] {
            let original = try text(kibibytes << 10)
            var packed = [UInt8](repeating: 0, count: original.count)
            var back = packed
            var size = 0
            let packing = microseconds(20_000 / kibibytes) {
                size = ZSTD_compressCCtx(packer, &packed, packed.count, original, original.count, 1)
            }
            let unpacking = microseconds(20_000 / kibibytes) {
                _ = ZSTD_decompressDCtx(unpacker, &back, back.count, packed, size)
            }
            guard back == original else { throw BenchmarkError("zstd gave back something else") }
            figures += [
                ("pack_\(kibibytes)k_us", packing), ("unpack_\(kibibytes)k_us", unpacking),
                ("ratio_\(kibibytes)k", Double(original.count) / Double(size)),
            ]
        }
        return figures
    }

    /// A list of profiles that differ in numbers, cut off at a length.
    private static func text(_ length: Int) throws -> [UInt8] {
        var bytes: [UInt8] = []
        var profile = CacheDataset.profile
        while bytes.count < length {
            profile.id = profile.id &* 31 % 99_999_989
            profile.score += 0.5
            bytes += try JSONCacheSerializer().encode(profile)
        }
        return Array(bytes.prefix(length))
    }

    // MARK: Bytes on the server

    private static func bytes(_ environment: Environment) throws -> [(String, Double?)]? {
        let (redis, port) = (environment.redis, environment.port)
        return try blocking {
            let session = try RawSession(port: port)
            let json = try CacheDataset.json()
            // Names of one length: the key counts too.
            let tags = (1...3).map { "tag:number-\($0)" }
            let cache = CacheDataset.cache(redis)
            let long = CacheOptions(defaultTTL: .after(.seconds(3_600)), compression: .off)
            try await cache.set("entry-1", CacheDataset.profile)
            try await cache.set("entry-2", CacheDataset.profile, tags: Array(tags.prefix(1)))
            try await cache.set("entry-3", CacheDataset.profile, tags: tags)
            try await cache.set("entry-4", String(decoding: try text(4_096), as: UTF8.self))
            try await cache.with { $0 = long }.set("entry-5", String(decoding: try text(4_096), as: UTF8.self))
            let raw = try cache.redisKey("entry-0").name
            _ = try session.command(
                ["SET", raw].map { Array($0.utf8) } + [Array(json)] + [Array("PX".utf8), Array("60000".utf8)])
            func size(_ key: String) throws -> Double? {
                try session.command("MEMORY", "USAGE", try cache.redisKey(key).name, "SAMPLES", "0").integer.map(
                    Double.init)
            }
            return [
                ("raw", try size("entry-0")), ("entry", try size("entry-1")), ("one_tag", try size("entry-2")),
                ("three_tags", try size("entry-3")), ("text_4k_zstd", try size("entry-4")),
                ("text_4k", try size("entry-5")),
            ]
        }
    }
}
