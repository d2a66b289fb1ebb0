import FoundationEssentials
import RedisCore
import Testing

@testable import Cache

/// 20,000 seeded entries that somebody made up or damaged: the readers never trap, and never take them for more than
/// they are.
@Suite struct EnvelopeFuzzTests {
    private static let limit = 1 << 16

    /// Valid entries of every kind, to be damaged.
    private static let corpus: [Data] = {
        let text = Data(String(repeating: "{\"name\":\"Ada\"}", count: 200).utf8)
        let tags = ["a", "user:7", "é", String(repeating: "x", count: 255)]
        let envelopes = [
            Envelope(codec: 1, written: 1_763_704_000_123_456),
            Envelope(codec: 2, schema: 515, written: 5, freshness: .init(freshFor: 60_000_000, loadTime: 250)),
            Envelope(codec: 3, written: .max, tags: tags),
            Envelope(
                codec: 1, written: 1_763_704_000_123_456, sliding: .init(span: 86_400_000_000, idle: 1_800_000),
                freshness: .init(freshFor: 86_400_000_000, loadTime: 250), tags: tags),
            Envelope(codec: 255, schema: .max, written: 0, isNegative: true),
            Envelope(
                codec: 1, written: 7, isNegative: true, freshness: .init(freshFor: .max, loadTime: .max),
                tags: (0..<Envelope.mostTags).map { "tag\($0)" }),
        ]
        return envelopes.flatMap { envelope in
            [text, Data("7".utf8), Data()].flatMap { payload in
                [CacheCompression.off, .default].map {
                    envelope.pieces(payload, $0).whole(written: envelope.written)
                }
            }
        }
    }()

    private static func made(_ random: inout SplitMix) -> Data {
        func below(_ limit: Int) -> Int { Int(random.next() % UInt64(max(1, limit))) }
        func noise(_ count: Int) -> Data { Data((0..<count).map { _ in UInt8(truncatingIfNeeded: random.next()) }) }
        func one() -> [UInt8] { [UInt8](corpus[below(corpus.count)]) }
        var bytes: [UInt8]
        switch below(8) {
        case 0: return noise(below(64))
        case 1: return Data([Envelope.magic, Envelope.version, UInt8(below(32))]) + noise(below(400))
        case 2:
            // The front of one and the end of another.
            let (first, second) = (one(), one())
            return Data(first.prefix(below(first.count + 1)) + second.dropFirst(below(second.count + 1)))
        case 3:
            // Lengths and counts at their ends, where they are most likely to stand.
            bytes = one()
            let extreme: UInt8 = [0, 1, 0x7F, 0x80, 0xFF][below(5)]
            let start = below(min(40, bytes.count))
            for place in start..<min(bytes.count, start + 1 + below(8)) { bytes[place] = extreme }
        case 4:
            bytes = one()
            bytes.insert(contentsOf: noise(1 + below(9)), at: below(bytes.count + 1))
        case 5:
            bytes = one()
            let start = below(bytes.count)
            bytes.removeSubrange(start..<min(bytes.count, start + 1 + below(20)))
        case 6:
            bytes = one()
            for _ in 0...below(4) { bytes[below(bytes.count)] ^= 1 << UInt8(below(8)) }
        default:
            bytes = one()
            for _ in 0...below(6) { bytes[below(bytes.count)] = UInt8(truncatingIfNeeded: random.next()) }
            bytes.removeLast(below(bytes.count))
        }
        return Data(bytes)
    }

    @Test(arguments: 0..<20) func `a made-up entry is a value, not ours, or undecodable`(seed: UInt64) {
        var random = SplitMix(seed: seed)
        var outcomes = [0, 0, 0]
        for _ in 0..<1_000 {
            let data = Self.made(&random)
            let outcome = Self.check(data)
            outcomes[outcome] += 1
            // The same behind other bytes, as a part of an item.
            #expect(Self.check((Data([1, 2, 3]) + data).dropFirst(3)) == outcome)
            Self.checkOthers(data)
        }
        // The corpus reaches all of them, or this proves nothing.
        #expect(outcomes.allSatisfy { $0 > 20 })
    }

    /// 0 not ours, 1 a value, 2 undecodable.
    private static func check(_ data: Data) -> Int {
        guard let entry = StoredEntry(data) else {
            #expect(data.first == Envelope.magic, "only what pretends to be an entry is damaged")
            return 2
        }
        guard let envelope = entry.envelope else {
            #expect(data.first != Envelope.magic && entry.bytes(limit: 0) == data)
            return 0
        }
        #expect(envelope.written >= 0 && envelope.tags.count <= Envelope.mostTags)
        let bytes = entry.bytes(limit: limit)
        let isCompressed = data[data.startIndex + 2] & 1 == 1
        if isCompressed {
            #expect(bytes.map { $0.count == entry.fullSize && $0.count <= limit } ?? true)
        } else if let bytes {
            // What is accepted is exactly what it says: written again it is the same, but for times beyond the end.
            let again = envelope.pieces(bytes, .off).whole(written: envelope.written)
            let isClamped =
                envelope.written == .max || envelope.freshness?.freshFor == .max || envelope.sliding?.span == .max
                || envelope.sliding?.idle == .max
            #expect(again == data || isClamped)
        }
        for now in [nil, 0, 1_763_704_000_000_000, Int64.max] {
            let left = now.flatMap { envelope.sliding?.left(of: envelope.written, at: $0) }
            #expect(left.map { $0.span > 0 && $0.span <= envelope.sliding?.span ?? 0 } ?? true)
            guard let age = EntryAge(envelope) else { continue }
            _ = age.isFresh(at: now)
            for early in [RememberOptions.EarlyRefresh.threshold(0.8), .probabilistic(beta: 1)] {
                _ = age.standing(at: now, early: early, maxStale: .max) { 0.5 }
            }
        }
        return bytes == nil ? 2 : 1
    }

    /// The other readers of the same bytes.
    private static func checkOthers(_ data: Data) {
        #expect(data.withUnsafeBytes { StoredEntry($0) } == StoredEntry(data), "lent or owned, they are the same")
        let (plain, header) = data.withUnsafeBytes { (PlainHeader($0), EntryHeader($0)) }
        if let plain {
            #expect(header?.envelope == Envelope(codec: plain.codec, schema: plain.schema, written: plain.written))
            #expect(header?.size == PlainHeader.size && header?.rawSize == nil)
        } else if let header, data.first == Envelope.magic {
            #expect(header.size > PlainHeader.size || header.envelope.isNegative)
        }
        var page = ReapPage()
        _ = page.read("k", data.prefix(ReapPage.shortHead))
        _ = page.read("k", data.prefix(ReapPage.longestHead))
        _ = page.dead(epoch: 6, tags: ["a": 6])
        _ = EntryPrint(data)
        _ = IndexedItem(data)
        let item = Data([IndexedItem.magic, IndexedItem.layout, 1]) + Data(count: 10) + data
        #expect((IndexedItem(item) == nil) == (StoredEntry(data) == nil))
    }

    @Test(arguments: 0..<5) func `a made-up item of an index is one or none`(seed: UInt64) {
        var random = SplitMix(seed: 1_000 + seed)
        for _ in 0..<1_000 {
            var bytes = [UInt8]([IndexedItem.magic, IndexedItem.layout, UInt8(random.next() % 6)])
            for _ in 0..<random.next() % 50 {
                bytes.append(random.next() % 3 == 0 ? 0 : UInt8(truncatingIfNeeded: random.next()))
            }
            guard let item = IndexedItem(Data(bytes) + Self.made(&random)) else { continue }
            #expect(item.version?.count == 8)
            _ = item.entry.bytes(limit: Self.limit)
        }
    }
}
