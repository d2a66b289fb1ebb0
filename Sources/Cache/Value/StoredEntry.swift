import FoundationEssentials

/// What stands under a key: one of our entries, or a plain value of another program.
struct StoredEntry: Sendable, Equatable {
    /// nil for a plain value.
    let envelope: Envelope?
    /// Still compressed if `rawSize` is given.
    private let payload: Data
    private let rawSize: Int?

    /// Reads the header and leaves the payload as it is; nil when the bytes pretend to be an entry and are none.
    init?(_ data: Data) {
        guard data.first == Envelope.magic else {
            envelope = nil
            payload = data
            rawSize = nil
            return
        }
        var reader = ByteReader(data)
        guard let parsed = reader.envelope() else { return nil }
        envelope = parsed.envelope
        rawSize = parsed.rawSize
        payload = reader.rest
    }

    /// The payload, unpacked; nil when it is damaged or larger than `limit`.
    func bytes(limit: Int) -> Data? {
        guard let rawSize else { return payload }
        guard rawSize <= limit else { return nil }
        return CacheCompression.unpacked(payload, size: rawSize)
    }

    /// The payload's bytes when unpacked.
    var fullSize: Int { rawSize ?? payload.count }

    /// Bytes as stored, without the header.
    var storedSize: Int { payload.count }
}

/// Reads an entry's header from the front; every length is checked, because anybody may have written it.
private struct ByteReader {
    private let data: Data
    private var position: Data.Index

    init(_ data: Data) {
        self.data = data
        position = data.startIndex
    }

    var rest: Data { data[position...] }

    mutating func envelope() -> (envelope: Envelope, rawSize: Int?)? {
        guard let magic = byte(), magic == Envelope.magic, byte() == Envelope.version,
            let flags = byte().map(Envelope.Flags.init(rawValue:)), Envelope.Flags.known.isSuperset(of: flags),
            let codec = byte(), let schema: UInt16 = integer(), let written: UInt64 = integer()
        else { return nil }
        var envelope = Envelope(codec: codec, schema: schema, written: Int64(clamping: written))
        envelope.isNegative = flags.contains(.negative)
        if flags.contains(.freshness) {
            guard let freshFor: UInt64 = integer(), let loadTime: UInt32 = integer() else { return nil }
            envelope.freshness = Envelope.Freshness(freshFor: Int64(clamping: freshFor), loadTime: loadTime)
        }
        if flags.contains(.tags) {
            guard let tags = tags() else { return nil }
            envelope.tags = tags
        }
        guard flags.contains(.compressed) else { return (envelope, nil) }
        guard let size: UInt32 = integer() else { return nil }
        return (envelope, Int(size))
    }

    private mutating func tags() -> [String]? {
        guard let count = byte(), count > 0, count <= Envelope.mostTags else { return nil }
        var tags: [String] = []
        tags.reserveCapacity(Int(count))
        for _ in 0..<count {
            guard let length = byte(), length > 0, data.endIndex - position >= Int(length) else { return nil }
            guard let tag = String(validating: data[position..<position + Int(length)], as: UTF8.self) else {
                return nil
            }
            position += Int(length)
            tags.append(tag)
        }
        return tags
    }

    private mutating func byte() -> UInt8? {
        guard position < data.endIndex else { return nil }
        defer { position += 1 }
        return data[position]
    }

    private mutating func integer<T: FixedWidthInteger & UnsignedInteger>() -> T? {
        let size = MemoryLayout<T>.size
        guard data.endIndex - position >= size else { return nil }
        var value: T = 0
        for byte in data[position..<position + size] { value = value << 8 | T(byte) }
        position += size
        return value
    }
}
