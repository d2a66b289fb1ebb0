/// The entries that wait for replies, oldest first: a ring in raw memory, because it is touched twice per command.
///
/// Loop's thread only, and no call re-enters, so its fields are not checked for overlapping accesses.
final class ReplyRing {
    @exclusivity(unchecked) private var storage: UnsafeMutablePointer<ReplyEntry>
    @exclusivity(unchecked) private var mask: Int
    @exclusivity(unchecked) private var head = 0
    @exclusivity(unchecked) private(set) var count = 0

    init() {
        storage = .allocate(capacity: 64)
        mask = 63
    }

    // Entries are trivial: nothing to deinitialise.
    deinit { storage.deallocate() }

    var isEmpty: Bool { count == 0 }

    /// The entry at a position from the front, in place.
    subscript(index: Int) -> UnsafeMutablePointer<ReplyEntry> {
        precondition(index >= 0 && index < count, "a reply belongs to an entry that exists")
        return storage + ((head + index) & mask)
    }

    func append(_ entry: ReplyEntry) {
        if count > mask { grow() }
        (storage + ((head + count) & mask)).initialize(to: entry)
        count += 1
    }

    func removeFirst() {
        precondition(count > 0, "a reply belongs to an entry that exists")
        head = (head + 1) & mask
        count -= 1
    }

    func removeAll() -> [ReplyEntry] {
        defer { count = 0 }
        return (0..<count).map { self[$0].pointee }
    }

    func firstIndex(of id: UInt64) -> Int? { (0..<count).first { self[$0].pointee.id == id } }

    private func grow() {
        let larger = UnsafeMutablePointer<ReplyEntry>.allocate(capacity: 2 * count)
        for index in 0..<count { (larger + index).initialize(to: storage[(head + index) & mask]) }
        storage.deallocate()
        storage = larger
        mask = 2 * count - 1
        head = 0
    }
}
