import FoundationEssentials

/// An item as Redis stores it: which writes made it, which indexes list it, then the entry as every cache stores it.
///
/// | offset | bytes | |
/// |---|---|---|
/// | 0 | 1 | 0xFA, which stands in no UTF-8 text and begins no ``Envelope`` |
/// | 1 | 1 | version of this table, 1 |
/// | 2 | 1 | n, how many versions follow: 1 to 4 |
/// | 3 | 8 n | random numbers of the writes that made it, the newest first |
/// | | 2 | m, the length of the memberships, big-endian |
/// | | m | ``Memberships`` |
/// | | | the ``Envelope`` |
///
/// The indexes stand in the item itself, so that both end together, however the item ends. The older versions let a
/// write whose reply was lost find out that it took effect, although others wrote since. Scripts write it.
struct IndexedItem: Sendable {
    static let magic: UInt8 = 0xFA
    static let layout: UInt8 = 1

    /// Of the newest write; nil for a counter and for what another program wrote.
    let version: Data?
    let entry: StoredEntry

    /// nil when the bytes pretend to be an item and are none.
    init?(_ data: Data) {
        guard data.first == Self.magic else {
            guard let entry = StoredEntry(data) else { return nil }
            version = nil
            self.entry = entry
            return
        }
        let bytes = data[data.startIndex...]
        guard bytes.count > 3, bytes[bytes.startIndex + 1] == Self.layout else { return nil }
        let count = Int(bytes[bytes.startIndex + 2])
        let versions = bytes.dropFirst(3).prefix(8 * count)
        let rest = bytes.dropFirst(3 + 8 * count)
        guard count > 0, versions.count == 8 * count, rest.count >= 2 else { return nil }
        let size = Int(rest[rest.startIndex]) << 8 | Int(rest[rest.startIndex + 1])
        guard rest.count >= 2 + size, let entry = StoredEntry(rest.dropFirst(2 + size)) else { return nil }
        version = Data(versions.prefix(8))
        self.entry = entry
    }

    /// The number of a write.
    static func newVersion() -> Data {
        var generator = SystemRandomNumberGenerator()
        return withUnsafeBytes(of: generator.next() as UInt64) { Data($0) }
    }
}
