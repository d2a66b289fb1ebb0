/// What stands before an entry's payload; every length is checked, because anybody may have written it.
struct EntryHeader {
    let envelope: Envelope
    /// The payload's size before compression, if it is compressed.
    let rawSize: Int?
    /// Bytes before the payload.
    let size: Int

    /// nil for what is no header of ours: without the magic byte, damaged, or of a newer version.
    init?(_ bytes: UnsafeRawBufferPointer) {
        var reader = Reader(bytes)
        guard let magic: UInt8 = reader.integer(), magic == Envelope.magic, let version: UInt8 = reader.integer(),
            version == Envelope.version, let flags = reader.integer().map(Envelope.Flags.init(rawValue:)),
            Envelope.Flags.known.isSuperset(of: flags), let codec: UInt8 = reader.integer(),
            let schema: UInt16 = reader.integer(), let written: UInt64 = reader.integer()
        else { return nil }
        var envelope = Envelope(codec: codec, schema: schema, written: Int64(clamping: written))
        envelope.isNegative = flags.contains(.negative)
        if flags.contains(.sliding) {
            guard let span: UInt64 = reader.integer(), let idle: UInt64 = reader.integer() else { return nil }
            envelope.sliding = Envelope.Sliding(span: Int64(clamping: span), idle: Int64(clamping: idle))
        }
        if flags.contains(.freshness) {
            guard let freshFor: UInt64 = reader.integer(), let loadTime: UInt32 = reader.integer() else { return nil }
            envelope.freshness = Envelope.Freshness(freshFor: Int64(clamping: freshFor), loadTime: loadTime)
        }
        if flags.contains(.tags) {
            guard let tags = reader.tags() else { return nil }
            envelope.tags = tags
        }
        var rawSize: Int?
        if flags.contains(.compressed) {
            guard let size: UInt32 = reader.integer() else { return nil }
            rawSize = Int(size)
        }
        self.envelope = envelope
        self.rawSize = rawSize
        size = reader.position
    }

    /// Reads from the front.
    private struct Reader {
        private let bytes: UnsafeRawBufferPointer
        private(set) var position = 0

        init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

        mutating func tags() -> [String]? {
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

        mutating func integer<T: FixedWidthInteger & UnsignedInteger>() -> T? {
            let size = MemoryLayout<T>.size
            guard bytes.count - position >= size else { return nil }
            defer { position += size }
            return T(bigEndian: bytes.loadUnaligned(fromByteOffset: position, as: T.self))
        }
    }
}

/// The header of nearly every entry: no flags, so of a fixed size, and read in a few instructions.
struct PlainHeader {
    let codec: UInt8
    let schema: UInt16
    /// Server time, µs.
    let written: Int64

    static let size = Envelope.smallest

    /// nil for everything else; ``EntryHeader`` knows what that is.
    @inline(__always)
    init?(_ bytes: UnsafeRawBufferPointer) {
        guard bytes.count >= Self.size, bytes[0] == Envelope.magic, bytes[1] == Envelope.version, bytes[2] == 0 else {
            return nil
        }
        codec = bytes[3]
        schema = UInt16(bigEndian: bytes.loadUnaligned(fromByteOffset: 4, as: UInt16.self))
        written = Int64(clamping: UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 6, as: UInt64.self)))
    }
}
