import FoundationEssentials
import RedisCore
import TestSupport
import Testing

@testable import Cache

/// Compression from call to key and back, on a real server.
@Suite struct CompressionTests {
    private let text = String(repeating: "signalbox ", count: 1_000)

    /// Flags of an entry as it is stored, and its length.
    private func stored(_ server: RedisServer, _ key: String) throws -> (flags: Envelope.Flags, size: Int) {
        guard case .bulk(let bytes) = try server("GET", key) else { throw TestTimeout("\(key) is not there") }
        try #require(bytes.count >= Envelope.smallest && bytes[0] == Envelope.magic)
        return (Envelope.Flags(rawValue: bytes[2]), bytes.count)
    }

    private func cache(_ redis: RedisClient, _ compression: CacheCompression) -> RedisCache {
        RedisCache(redis, prefix: "app", options: .init(compression: compression, timeout: .seconds(60)))
    }

    /// What every cache reads, whatever its own setting.
    private static let settings: [CacheCompression] = [
        .default, .off, .init(threshold: 0), .init(threshold: 1 << 20), .init(threshold: 10, level: 19),
    ]

    // MARK: What is stored

    @Test func `values from the threshold on are stored compressed, and say so`() async throws {
        try await withRedis { server, redis in
            let cache = cache(redis, .default)
            let users = (0..<200).map { User(id: $0, name: "Ada") }
            try await cache.set("text", text)
            try await cache.set("bytes", Data(count: 1_024))
            try await cache.set("short", Data(count: 1_023))
            try await cache.setMany(["users": users], tags: ["t"])
            let (flags, size) = try stored(server, "app:text")
            #expect(flags == [.compressed] && size < 200)
            guard case .bulk(let bytes) = try server("GETRANGE", "app:text", "18", "21") else { return }
            #expect(bytes == [0x28, 0xB5, 0x2F, 0xFD], "zstd's magic number, behind the size")
            #expect(try stored(server, "app:bytes").flags == [.compressed])
            #expect(try stored(server, "app:short") == ([], 1_023 + Envelope.smallest))
            #expect(try stored(server, "app:users").flags == [.compressed, .tags])
            #expect(try await cache.get("users", as: [User].self, tags: ["t"]) == users)
            let raw = try JSONCacheSerializer().encode(users).count
            #expect(try stored(server, "app:users").size < raw / 3)
        }
    }

    @Test func `what does not shrink is stored as it is`() async throws {
        try await withRedis { server, redis in
            var random = SplitMix(seed: 1)
            let noise = Data((0..<4_096).map { _ in UInt8(truncatingIfNeeded: random.next()) })
            let cache = cache(redis, .init(threshold: 0, level: 19))
            try await cache.set("noise", noise)
            try await cache.set("empty", Data())
            try await cache.set("one", "x")
            #expect(try stored(server, "app:noise") == ([], noise.count + Envelope.smallest))
            #expect(try stored(server, "app:empty") == ([], Envelope.smallest))
            #expect(try stored(server, "app:one") == ([], 1 + Envelope.smallest))
            #expect(try await cache.get("noise") == noise)
            #expect(try await cache.get("empty") == Data())
            #expect(try await cache.get("one") == "x")
        }
    }

    @Test(arguments: settings)
    func `every cache reads what every other one wrote`(writer: CacheCompression) async throws {
        try await withRedis { _, redis in
            let users = (0..<100).map { User(id: $0, name: "Ada") }
            try await cache(redis, writer).set("text", text)
            try await cache(redis, writer).set("users", users)
            for reader in Self.settings {
                #expect(try await cache(redis, reader).get("text") == text)
                #expect(try await cache(redis, reader).getMany(["users", "x"]) == ["users": users])
            }
        }
    }

    @Test func `the guard counts bytes before compression`() async throws {
        try await withRedis { server, redis in
            let options = CacheOptions(maxValueBytes: text.utf8.count - 1, timeout: .seconds(60))
            let small = RedisCache(redis, prefix: "app", options: options)
            await expectError(.tooLarge) { try await small.set("a", text) }
            await expectError(.tooLarge) { try await small.setMany(["b": "x", "a": text]) }
            await expectError(.tooLarge) { try await small.compareAndSet("a", expected: "x", new: text) }
            let loaded = try await small.remember("a") { [text] in text }
            #expect(loaded == text, "returned, and not stored")
            #expect(try server("EXISTS", "app:a", "app:b") == 0)
            // A guard of its own is for what it writes: what others wrote it reads.
            try await small.with { $0.maxValueBytes = text.utf8.count }.set("a", text)
            #expect(try await small.get("a") == text)
        }
    }

    // MARK: What works on it

    @Test func `conditions compare values, not bytes`() async throws {
        try await withRedis { server, redis in
            let packing = cache(redis, .default)
            let plain = cache(redis, .off)
            try await packing.set("a", text)
            // The same value would have other bytes if this one wrote it.
            #expect(try await !plain.compareAndSet("a", expected: text + "x", new: "y"))
            #expect(try await plain.compareAndSet("a", expected: text, new: text + "x"))
            #expect(try stored(server, "app:a").flags == [])
            #expect(try await packing.compareAndSet("a", expected: text + "x", new: text))
            #expect(try stored(server, "app:a").flags == [.compressed])
            #expect(try await !plain.compareAndDelete("a", expected: "y"))
            #expect(try await plain.compareAndDelete("a", expected: text))
            #expect(try await packing.get("a", as: String.self) == nil)
        }
    }

    @Test func `remember, write-through, rename and taking out keep the value`() async throws {
        try await withRedis { server, redis in
            let packing = cache(redis, .default)
            let plain = cache(redis, .off)
            for reader in [packing, plain] {
                let value = try await reader.remember("a") { [text] in text }
                #expect(value == text)
            }
            #expect(try stored(server, "app:a").flags.contains([.compressed, .freshness]))
            _ = try await packing.writeThrough("b") { text }
            #expect(try stored(server, "app:b").flags == [.compressed, .freshness])
            #expect(try await plain.rename("b", to: "c"))
            #expect(try await plain.exists("a", "c") == 2)
            #expect(try await plain.getAndDelete("c") == text)
            #expect(try await plain.getMany(["a", "c"]) == ["a": text])
        }
    }

    @Test func `items of an indexed cache and stores are compressed alike`() async throws {
        try await withRedis { server, redis in
            let packing = IndexedCache(redis, namespace: "n", options: .unhurried)
            let plain = IndexedCache(
                redis, namespace: "n", options: .init(compression: .off, timeout: .seconds(60)))
            let object = ["text": text]
            try await packing.set("a", object, indexes: ["user": "ada"])
            #expect(try #require(try server("STRLEN", "signalbox:indexed:{n}:item:a").int) < 300)
            #expect(try await plain.get("a") == object)
            #expect(try await plain.getByIndex("user", "ada", as: [String: String].self).items.map(\.value) == [object])
            #expect(try await plain.getRaw("a") == JSONCacheSerializer().encode(object))
            try await plain.update("a", ["more": 1])
            #expect(try #require(try server("STRLEN", "signalbox:indexed:{n}:item:a").int) > text.utf8.count)
            let store = RedisKeyValueStore(redis, defaultTTL: .after(.seconds(60)), timeout: .seconds(60))
            try await store.set("a", text, ttl: .default)
            #expect(try stored(server, "kv:a").size < 200)
            let other = RedisKeyValueStore(redis, compression: .off, timeout: .seconds(60))
            #expect(try await other.get("a") == text)
        }
    }
}

/// Compressed bytes that somebody damaged, or made up.
@Suite struct DamagedCompressionTests {
    /// Every way to read finds that it cannot be read, and `remember` loads in its place.
    private func expectUndecodable(_ bytes: Data, _ what: String) async throws {
        try await withRedis { server, redis in
            let cache = RedisCache(redis, prefix: "app", options: .unhurried)
            func put() async throws {
                try await redis.command(RedisCommand("SET", RedisKey("app:a"), bytes, "PX", 600_000))
            }
            try await put()
            await expectError(.undecodable) { try await cache.get("a", as: String.self) }
            guard case .undecodable = try await cache.lookup("a", as: String.self) else {
                Issue.record("\(what) was read")
                return
            }
            await expectError(.undecodable) { try await cache.getMany(["a"], as: String.self) }
            await expectError(.undecodable) { try await cache.compareAndSet("a", expected: "x", new: "y") }
            await expectError(.undecodable) { try await cache.compareAndDelete("a", expected: "x") }
            #expect(try server("EXISTS", "app:a") == 1)
            await expectError(.undecodable) { try await cache.getAndDelete("a", as: String.self) }
            #expect(try server("EXISTS", "app:a") == 0, "taken out all the same")
            try await put()
            let loaded = try await cache.remember("a") { "loaded" }
            #expect(loaded == "loaded")
            #expect(try await cache.get("a") == "loaded")
        }
    }

    private func entry(_ frame: [UInt8], size: UInt32) -> Data {
        var bytes: [UInt8] = [Envelope.magic, Envelope.version, 1, CacheCodec.text, 0, 0]
        withUnsafeBytes(of: UInt64(5).bigEndian) { bytes += $0 }
        withUnsafeBytes(of: size.bigEndian) { bytes += $0 }
        return Data(bytes + frame)
    }

    /// A frame that says it holds `size` bytes, and repeats one byte in `blocks` blocks of 128 KiB.
    private func frame(saying size: UInt64, blocks: Int) -> [UInt8] {
        // One segment, eight bytes of size.
        var frame: [UInt8] = [0x28, 0xB5, 0x2F, 0xFD, 0xE0]
        withUnsafeBytes(of: size.littleEndian) { frame += $0 }
        for block in 1...blocks {
            let header = UInt32(128 << 10) << 3 | 1 << 1 | (block == blocks ? 1 : 0)
            frame += [UInt8(truncatingIfNeeded: header), UInt8(truncatingIfNeeded: header >> 8)]
            frame += [UInt8(truncatingIfNeeded: header >> 16), 0x61]
        }
        return frame
    }

    @Test func `a frame cut off, of another format, or of another size is undecodable`() async throws {
        let text = Data(String(repeating: "signalbox ", count: 1_000).utf8)
        let good = [UInt8](try #require(CacheCompression.default.packed(text)))
        let size = UInt32(text.count)
        #expect(StoredEntry(entry(good, size: size))?.bytes(limit: 1 << 20) == text)
        try await expectUndecodable(entry(good.dropLast(), size: size), "a frame without its end")
        try await expectUndecodable(entry([], size: size), "no frame")
        try await expectUndecodable(entry([0] + good.dropFirst(), size: size), "no frame of zstd")
        try await expectUndecodable(entry(good, size: size - 1), "a size too small")
        try await expectUndecodable(entry(good, size: size + 1), "a size too large")
        try await expectUndecodable(entry(good + [0], size: size), "something behind the frame")
        try await expectUndecodable(entry(good, size: 0), "nothing")
    }

    @Test func `a bit that turns anywhere in a frame is found`() throws {
        let text = Data((0..<200).map { "user \($0 * $0)\n" }.joined().utf8)
        let good = try #require(CacheCompression.default.packed(text))
        var harmless = 0
        for place in good.indices {
            for bit in 0..<8 {
                var bad = good
                bad[place] ^= 1 << UInt8(bit)
                let read = CacheCompression.unpacked(bad, size: text.count)
                #expect(read == nil || read == text, "byte \(place), bit \(bit)")
                if read != nil { harmless += 1 }
            }
        }
        // Some bits of headers mean nothing, or the same: the value is read as it was.
        #expect(harmless < good.count)
    }

    @Test func `a frame that says it holds 10 GiB is undecodable before memory is taken`() async throws {
        let frame = frame(saying: 10 << 30, blocks: 4)
        #expect(!CacheCompression.isPlausible(Data(frame), size: 10 << 30))
        #expect(CacheCompression.unpacked(Data(frame), size: 10 << 30) == nil)
        try await expectUndecodable(entry(frame, size: .max), "10 GiB")
        try await expectUndecodable(entry(frame, size: 4 * 128 << 10), "10 GiB")
    }

    @Test func `a frame that holds more than it says is undecodable`() async throws {
        try await expectUndecodable(entry(frame(saying: 1_000, blocks: 100), size: 1_000), "12 MiB in 1,000 bytes")
    }

    @Test func `a small frame of more than any cache here writes is undecodable, unless the guard allows it`()
        async throws
    {
        let size = 65 << 20
        let bomb = frame(saying: UInt64(size), blocks: size / (128 << 10))
        #expect(bomb.count < 2_100)
        // It is a frame: nothing but the limit stops it.
        #expect(CacheCompression.unpacked(Data(bomb), size: size)?.count == size)
        try await expectUndecodable(entry(bomb, size: UInt32(size)), "65 MiB")
        try await withRedis { _, redis in
            let cache = RedisCache(redis, prefix: "app", options: .init(maxValueBytes: size, timeout: .seconds(60)))
            let bytes = entry(bomb, size: UInt32(size))
            try await redis.command(RedisCommand("SET", RedisKey("app:a"), bytes, "PX", 600_000))
            #expect(try await cache.get("a", as: String.self)?.utf8.count == size)
        }
    }

    @Test func `a bomb among an index' items ends that item only`() async throws {
        try await withRedis { server, redis in
            let cache = IndexedCache(redis, namespace: "n", options: .unhurried)
            for key in ["a", "b"] { try await cache.set(key, "text", indexes: ["user": "ada"]) }
            let key = "signalbox:indexed:{n}:item:a"
            guard case .bulk(let item) = try server("GET", key) else { return }
            let head = Data(item.dropLast(4 + Envelope.smallest))
            let bomb = head + entry(frame(saying: 10 << 30, blocks: 4), size: .max)
            try await redis.command(RedisCommand("SET", RedisKey(key), bomb, "PX", 600_000))
            await expectError(.undecodable) { try await cache.get("a", as: String.self) }
            let page = try await cache.getByIndex("user", "ada", as: String.self)
            #expect(page.items.map(\.key) == ["b"] && page.undecodable == ["a"])
        }
    }
}
