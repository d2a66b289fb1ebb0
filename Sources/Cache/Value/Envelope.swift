import FoundationEssentials

/// An entry as Redis stores it: what is known of the value, then the value.
///
/// | offset | bytes | |
/// |---|---|---|
/// | 0 | 1 | 0xFB, which stands in no UTF-8 text: what begins otherwise is a plain value of another program |
/// | 1 | 1 | version of this table, 1 |
/// | 2 | 1 | flags: 1 compressed, 2 negative (the source has no value), 4 freshness, 8 tags, 16 sliding |
/// | 3 | 1 | format of the payload, ``CacheSerializer/codec`` |
/// | 4 | 2 | schema version, big-endian |
/// | 6 | 8 | when the value was true: the server's time, µs, of its write or of the begin of its load |
/// | | 8 + 8 | sliding: µs from then on until it ends, however often it is read; ms that it lives after each read |
/// | | 8 + 4 | with freshness: µs for which it counts as fresh from then on; how long its load took, ms |
/// | | 1 + n | with tags: their count, then each one's length (1 byte) and UTF-8 bytes |
/// | | 4 | compressed: the payload's size before |
/// | | n | the payload |
struct Envelope: Sendable, Equatable {
    var codec: UInt8
    var schema: UInt16 = 0
    /// Server time, µs.
    var written: Int64 = 0
    var isNegative = false
    var sliding: Sliding?
    var freshness: Freshness?
    var tags: [String] = []

    /// A life that reads renew.
    ///
    /// It stands at one place in all entries that have it, where a script finds it.
    struct Sliding: Sendable, Equatable {
        /// µs from `written` on: the end that nothing moves.
        var span: Int64
        /// How long each read keeps the entry, ms.
        var idle: Int64
    }

    /// Until when a value is fresh, which is earlier than its end in Redis if stale ones may be served.
    struct Freshness: Sendable, Equatable {
        /// µs from `written` on.
        var freshFor: Int64
        /// How long the load took, ms: what a refresh will cost.
        var loadTime: UInt32
    }

    static let magic: UInt8 = 0xFB
    static let version: UInt8 = 1
    /// Magic, version, flags, codec and schema: all before the time, which a script puts in.
    static let headSize = 6
    static let smallest = headSize + 8

    struct Flags: OptionSet {
        let rawValue: UInt8
        static let compressed = Flags(rawValue: 1)
        static let negative = Flags(rawValue: 2)
        static let freshness = Flags(rawValue: 4)
        static let tags = Flags(rawValue: 8)
        static let sliding = Flags(rawValue: 16)
        static let known: Flags = [.compressed, .negative, .freshness, .tags, .sliding]
    }

    /// Most tags of one entry, and the most bytes of one.
    static let mostTags = 64
    static let longestTag = 255
}

extension Envelope {
    /// An entry in two pieces: a script writes the server's time between them.
    struct Pieces: Sendable {
        let head: Data
        let tail: Data

        /// The whole entry, for a time that is known.
        func whole(written: Int64) -> Data {
            var data = Data(capacity: head.count + 8 + tail.count)
            data.append(head)
            data.appendBigEndian(UInt64(bitPattern: written))
            data.append(tail)
            return data
        }
    }

    /// The entry's bytes; `compression` decides by the payload's size.
    func pieces(_ payload: Data, _ compression: CacheCompression) -> Pieces {
        let packed = compression.packed(payload)
        var flags: Flags = []
        if packed != nil { flags.insert(.compressed) }
        if isNegative { flags.insert(.negative) }
        if sliding != nil { flags.insert(.sliding) }
        if freshness != nil { flags.insert(.freshness) }
        if !tags.isEmpty { flags.insert(.tags) }
        var head = Data(capacity: Self.headSize)
        head.append(contentsOf: [Self.magic, Self.version, flags.rawValue, codec])
        head.append(contentsOf: [UInt8(schema >> 8), UInt8(truncatingIfNeeded: schema)])
        var tail = Data(capacity: 48 + (packed ?? payload).count)
        if let sliding {
            tail.appendBigEndian(UInt64(bitPattern: sliding.span))
            tail.appendBigEndian(UInt64(bitPattern: sliding.idle))
        }
        if let freshness {
            tail.appendBigEndian(UInt64(bitPattern: freshness.freshFor))
            tail.appendBigEndian(freshness.loadTime)
        }
        if !tags.isEmpty {
            tail.append(UInt8(tags.count))
            for tag in tags {
                tail.append(UInt8(tag.utf8.count))
                tail.append(contentsOf: tag.utf8)
            }
        }
        if packed != nil { tail.appendBigEndian(UInt32(payload.count)) }
        tail.append(packed ?? payload)
        return Pieces(head: head, tail: tail)
    }
}

extension Data {
    fileprivate mutating func appendBigEndian<T: FixedWidthInteger>(_ value: T) {
        Swift.withUnsafeBytes(of: value.bigEndian) { append(contentsOf: $0) }
    }
}
