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
        let header = data.withUnsafeBytes { bytes in
            var reader = HeaderReader(bytes)
            return reader.envelope().map { ($0.envelope, $0.rawSize, reader.position) }
        }
        guard let (envelope, rawSize, size) = header else { return nil }
        self.envelope = envelope
        self.rawSize = rawSize
        payload = data[(data.startIndex + size)...]
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
private struct HeaderReader {
    private let bytes: UnsafeRawBufferPointer
    private(set) var position = 0

    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    mutating func envelope() -> (envelope: Envelope, rawSize: Int?)? {
        guard let magic: UInt8 = integer(), magic == Envelope.magic, let version: UInt8 = integer(),
            version == Envelope.version, let flags = integer().map(Envelope.Flags.init(rawValue:)),
            Envelope.Flags.known.isSuperset(of: flags), let codec: UInt8 = integer(), let schema: UInt16 = integer(),
            let written: UInt64 = integer()
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
        guard let count: UInt8 = integer(), count > 0, count <= Envelope.mostTags else { return nil }
        var tags: [String] = []
        tags.reserveCapacity(Int(count))
        for _ in 0..<count {
            guard let length: UInt8 = integer(), length > 0, bytes.count - position >= Int(length),
                let tag = String(validating: bytes[position..<position + Int(length)], as: UTF8.self)
            else { return nil }
            position += Int(length)
            tags.append(tag)
        }
        return tags
    }

    private mutating func integer<T: FixedWidthInteger & UnsignedInteger>() -> T? {
        let size = MemoryLayout<T>.size
        guard bytes.count - position >= size else { return nil }
        defer { position += size }
        return T(bigEndian: bytes.loadUnaligned(fromByteOffset: position, as: T.self))
    }
}
