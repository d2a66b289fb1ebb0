/// Decides whether what was read may be kept: only if nothing was told in between that could make it stale.
///
/// A reply and the news of a change travel on different sockets: the news often comes first, and the old value after
/// it. So whoever is about to read takes a ticket, the number of the last news; news write their own number down, by
/// key, by group, or for all; and a value is kept only if no number that concerns it is above its ticket.
///
/// Pure. Numbers are kept for places, on which keys are spread by their hash, and not for keys: that takes a fixed
/// amount of memory, and news of one key now and then refuse the fill of another, or end the life of another group.
struct FillGuard {
    /// The last news.
    private(set) var number: UInt64 = 0
    private var byKey: [UInt64]
    private var byGroup: [UInt64]
    /// The last news that concerned everything.
    private var flushed: UInt64 = 0
    private var isOpen = false

    /// `places` are a power of two, at most 65,536.
    init(places: Int) {
        byKey = Array(repeating: 0, count: places)
        byGroup = Array(repeating: 0, count: places)
    }

    /// Where the news of a group of this hash are noted.
    func group(_ hash: Int) -> UInt16 { UInt16(truncatingIfNeeded: (hash >> 8) & (byGroup.count - 1)) }

    private func place(_ hash: Int) -> Int { (hash >> 8) & (byKey.count - 1) }

    /// A ticket, to be taken **before** the read goes out; nil while news may be missed.
    func ticket() -> UInt64? { isOpen ? number : nil }

    /// Whether what was read with a ticket may be kept.
    func allows(_ ticket: UInt64, _ hash: Int, groups: [UInt16]) -> Bool {
        isOpen && byKey[place(hash)] <= ticket && isAlive(ticket, groups)
    }

    /// Whether nothing happened to its groups, nor to all, since an entry was read with a ticket.
    @inline(__always)
    func isAlive(_ ticket: UInt64, _ groups: [UInt16]) -> Bool {
        if flushed > ticket { return false }
        for group in groups where byGroup[Int(group)] > ticket { return false }
        return true
    }

    /// A key changed.
    mutating func changed(_ hash: Int) {
        number += 1
        byKey[place(hash)] = number
    }

    /// A tag was invalidated, or a namespace cleared.
    mutating func groupChanged(_ group: UInt16) {
        number += 1
        byGroup[Int(group)] = number
    }

    /// Everything may have changed; `isOpen` tells whether news arrive from now on.
    mutating func flush(isOpen: Bool) {
        number += 1
        flushed = number
        self.isOpen = isOpen
    }
}
