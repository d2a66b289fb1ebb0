import FoundationEssentials
import RedisCore
import Testing

@testable import Cache

@Suite struct EnvelopeTests {
    private func whole(_ envelope: Envelope, _ payload: Data, _ compression: CacheCompression = .off) -> Data {
        envelope.pieces(payload, compression).whole(written: envelope.written)
    }

    @Test func `what is written is read back`() throws {
        let envelope = Envelope(
            codec: 17, schema: 515, written: 1_763_704_000_123_456, isNegative: true,
            freshness: .init(freshFor: 60_000_000, loadTime: 250),
            tags: ["a", "user:7", String(repeating: "x", count: 255)])
        let entry = try #require(StoredEntry(whole(envelope, Data("payload".utf8))))
        #expect(entry.envelope == envelope)
        #expect(entry.bytes(limit: 100) == Data("payload".utf8))
    }

    @Test func `its bytes are those of the table`() {
        let bytes = whole(Envelope(codec: 1, schema: 258, written: 72_623_859_790_382_856), Data("{}".utf8))
        #expect([UInt8](bytes) == [0xFB, 1, 0, 1, 1, 2, 1, 2, 3, 4, 5, 6, 7, 8, 0x7B, 0x7D])
    }

    @Test func `a plain value is taken as it is`() {
        #expect(StoredEntry(Data("{}".utf8))?.envelope == nil)
        #expect(StoredEntry(Data())?.bytes(limit: 1) == Data())
    }

    @Test func `a compressed payload comes back, and one that lies about its size does not`() throws {
        let payload = Data(String(repeating: "signalbox ", count: 500).utf8)
        let bytes = whole(Envelope(codec: 2), payload, .default)
        #expect(bytes.count < 200)
        let entry = try #require(StoredEntry(bytes))
        #expect(entry.bytes(limit: payload.count) == payload)
        #expect(entry.bytes(limit: payload.count - 1) == nil)
        var lying = bytes
        lying[lying.startIndex + 17] ^= 1
        #expect(StoredEntry(lying)?.bytes(limit: 1 << 20) == nil)
    }

    @Test func `what does not shrink is stored as it is`() {
        var random = SystemRandomNumberGenerator()
        let payload = Data((0..<4_096).map { _ in UInt8.random(in: 0...255, using: &random) })
        #expect(CacheCompression.default.packed(payload) == nil)
        #expect(CacheCompression.default.packed(Data(count: 1_023)) == nil)
        #expect(CacheCompression.default.packed(Data(count: 1_024)) != nil)
        #expect(CacheCompression.off.packed(Data(count: 10_000)) == nil)
    }

    @Test(arguments: 1...200) func `damaged bytes never crash and never pass for more than they are`(seed: UInt64) {
        var random = SplitMix(seed: seed)
        let original = whole(
            Envelope(codec: 1, written: 5, freshness: .init(freshFor: 1, loadTime: 1), tags: ["a", "b"]),
            Data(String(repeating: "ab", count: 600).utf8), .default)
        var bytes = original
        for _ in 0..<Int(random.next() % 4 + 1) {
            bytes[bytes.startIndex + Int(random.next() % UInt64(bytes.count))] = UInt8(
                truncatingIfNeeded: random.next())
        }
        let cut = bytes.prefix(Int(random.next() % UInt64(bytes.count + 1)))
        for data in [bytes, Data(cut)] {
            guard let entry = StoredEntry(data) else { continue }
            #expect(entry.bytes(limit: 1 << 20).map { $0.count <= 1 << 20 } ?? true)
        }
    }

    @Test func `a size that the compressed bytes do not say is refused before memory is taken`() throws {
        let payload = Data(String(repeating: "signalbox ", count: 500).utf8)
        let packed = try #require(CacheCompression.default.packed(payload))
        #expect(CacheCompression.isPlausible(packed, size: payload.count))
        #expect(!CacheCompression.isPlausible(packed, size: payload.count + 1))
        #expect(!CacheCompression.isPlausible(packed, size: 512 << 20))
        #expect(!CacheCompression.isPlausible(Data("no frame".utf8), size: 8))
        // The highest ratio there is.
        let zeros = Data(count: 4 << 20)
        let packedZeros = try #require(CacheCompression.default.packed(zeros))
        #expect(CacheCompression.unpacked(packedZeros, size: zeros.count) == zeros)
    }
}
