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
        guard let header = data.withUnsafeBytes({ EntryHeader($0) }) else { return nil }
        envelope = header.envelope
        rawSize = header.rawSize
        payload = data[(data.startIndex + header.size)...]
    }

    /// The same of bytes that are lent: the payload is copied.
    init?(_ bytes: UnsafeRawBufferPointer) {
        guard bytes.first == Envelope.magic else {
            envelope = nil
            payload = Data(bytes)
            rawSize = nil
            return
        }
        guard let header = EntryHeader(bytes) else { return nil }
        envelope = header.envelope
        rawSize = header.rawSize
        payload = Data(bytes[header.size...])
    }

    /// The payload, unpacked; nil when it is damaged or larger than `limit`.
    func bytes(limit: Int) -> Data? {
        guard let rawSize else { return payload }
        guard rawSize <= limit else { return nil }
        return CacheCompression.unpacked(payload, size: rawSize)
    }

    /// The payload's bytes when unpacked.
    var fullSize: Int { rawSize ?? payload.count }
}
