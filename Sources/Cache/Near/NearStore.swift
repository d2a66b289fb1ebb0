#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// A bounded map in memory that keeps what is asked for: S3-FIFO, by number and by bytes.
///
/// Pure. New keys enter a small queue, a tenth of the whole; what is asked for there moves to the main queue, what is
/// not leaves, and only its hash is remembered. A key that comes back soon enters the main queue at once. There, being
/// asked for gives further rounds. A hit only counts, up to three, and moves nothing.
///
/// Yang, Zhang, Qiu, Yue, Rashmi: "FIFO queues are all you need for cache eviction", SOSP 2023; why this and not
/// another: docs/decisions/0014.
struct NearStore {
    /// How much it may keep.
    struct Limits: Equatable {
        let entries: Int
        let bytes: Int
    }

    private enum Queue: UInt8 { case free, small, main }

    private struct Slot {
        var key: [UInt8] = []
        var entry: NearEntry?
        var hash = 0
        /// When it was filled, by the guard's count.
        var filled: UInt64 = 0
        var next = NearStore.none
        var previous = NearStore.none
        var uses: UInt8 = 0
        var queue = Queue.free
    }

    /// First in, at `head`; next out, at `tail`.
    private struct Line {
        var head = NearStore.none
        var tail = NearStore.none
        var count = 0
        var bytes = 0
    }

    let limits: Limits
    private(set) var evictions = 0
    private static let none: Int32 = -1
    private static let mostUses: UInt8 = 3

    private var slots: [Slot] = []
    private var index = NearIndex()
    private var free = NearStore.none
    private var small = Line()
    private var main = Line()
    private var ghosts: GhostList

    init(_ limits: Limits) {
        self.limits = Limits(entries: max(1, limits.entries), bytes: max(1, limits.bytes))
        // No more are ever kept than have room by their bytes.
        ghosts = GhostList(capacity: min(self.limits.entries, self.limits.bytes / NearEntry.overhead))
    }

    var count: Int { small.count + main.count }
    var bytes: Int { small.bytes + main.bytes }

    /// The entry and when it was filled; counts as a use.
    @inline(__always)
    mutating func find(_ key: UnsafeRawBufferPointer, _ hash: Int) -> (entry: NearEntry, filled: UInt64)? {
        guard let slot = slot(of: key, hash) else { return nil }
        if slots[slot].uses < Self.mostUses { slots[slot].uses += 1 }
        guard let entry = slots[slot].entry else { return nil }
        return (entry, slots[slot].filled)
    }

    @inline(__always)
    private func slot(of key: UnsafeRawBufferPointer, _ hash: Int) -> Int? {
        let short = UInt32(truncatingIfNeeded: hash)
        var place = Int(short) & index.mask
        while true {
            let found = index.places[place]
            if found.isEmpty { return nil }
            if found.hash == short, slots[Int(found.slot)].key.equals(key) { return Int(found.slot) }
            place = (place + 1) & index.mask
        }
    }

    /// Keeps an entry, in place of an older one; evicts others when there is no room.
    ///
    /// False for what is larger than all there may be.
    mutating func insert(_ key: UnsafeRawBufferPointer, _ hash: Int, _ entry: NearEntry, filled: UInt64) -> Bool {
        guard entry.cost <= limits.bytes else {
            _ = remove(key, hash)
            return false
        }
        if let slot = slot(of: key, hash) {
            replace(slot, entry, filled)
        } else {
            let isGhost = ghosts.remove(hash)
            let slot = takeSlot()
            slots[slot].key = Array(key)
            slots[slot].hash = hash
            slots[slot].entry = entry
            slots[slot].filled = filled
            slots[slot].uses = 0
            index.insert(Int32(slot), hash)
            push(slot, to: isGhost ? .main : .small)
        }
        while count > limits.entries || bytes > limits.bytes { evict() }
        return true
    }

    private mutating func replace(_ slot: Int, _ entry: NearEntry, _ filled: UInt64) {
        let difference = entry.cost - (slots[slot].entry?.cost ?? 0)
        if slots[slot].queue == .main { main.bytes += difference } else { small.bytes += difference }
        slots[slot].entry = entry
        slots[slot].filled = filled
    }

    /// Forgets a key; true when it was there.
    mutating func remove(_ key: UnsafeRawBufferPointer, _ hash: Int) -> Bool {
        guard let slot = slot(of: key, hash) else { return false }
        discard(slot)
        return true
    }

    private mutating func takeSlot() -> Int {
        if free != Self.none {
            let slot = Int(free)
            free = slots[slot].next
            return slot
        }
        slots.append(Slot())
        return slots.count - 1
    }

    private mutating func discard(_ slot: Int) {
        unlink(slot)
        index.remove(Int32(slot), slots[slot].hash)
        slots[slot] = Slot()
        slots[slot].next = free
        free = Int32(slot)
    }
}

// MARK: - Eviction

extension NearStore {
    /// Makes one entry leave.
    private mutating func evict() {
        let smallIsFull = small.count * 10 >= limits.entries || small.bytes >= limits.bytes / 10
        if main.count == 0 || (small.count > 0 && smallIsFull) { evictFromSmall() } else { evictFromMain() }
    }

    private mutating func evictFromSmall() {
        while small.tail != Self.none {
            let slot = Int(small.tail)
            guard slots[slot].uses > 1 else {
                ghosts.insert(slots[slot].hash)
                return evicted(slot)
            }
            unlink(slot)
            slots[slot].uses = 0
            push(slot, to: .main)
        }
        evictFromMain()
    }

    private mutating func evictFromMain() {
        while main.tail != Self.none {
            let slot = Int(main.tail)
            guard slots[slot].uses > 0 else { return evicted(slot) }
            slots[slot].uses -= 1
            unlink(slot)
            push(slot, to: .main)
        }
    }

    private mutating func evicted(_ slot: Int) {
        evictions += 1
        discard(slot)
    }
}

// MARK: - Queues

extension NearStore {
    private mutating func push(_ slot: Int, to queue: Queue) {
        slots[slot].queue = queue
        // Taken out and put back: a line and the slots are parts of one value.
        if queue == .main { main = linked(slot, main) } else { small = linked(slot, small) }
    }

    private mutating func linked(_ slot: Int, _ before: Line) -> Line {
        var line = before
        slots[slot].previous = Self.none
        slots[slot].next = line.head
        if line.head != Self.none { slots[Int(line.head)].previous = Int32(slot) } else { line.tail = Int32(slot) }
        line.head = Int32(slot)
        line.count += 1
        line.bytes += slots[slot].entry?.cost ?? 0
        return line
    }

    private mutating func unlink(_ slot: Int) {
        if slots[slot].queue == .main { main = unlinked(slot, main) } else { small = unlinked(slot, small) }
    }

    private mutating func unlinked(_ slot: Int, _ before: Line) -> Line {
        var line = before
        let (next, previous) = (slots[slot].next, slots[slot].previous)
        if previous != Self.none { slots[Int(previous)].next = next } else { line.head = next }
        if next != Self.none { slots[Int(next)].previous = previous } else { line.tail = previous }
        line.count -= 1
        line.bytes -= slots[slot].entry?.cost ?? 0
        return line
    }
}

extension [UInt8] {
    @inline(__always)
    fileprivate func equals(_ other: UnsafeRawBufferPointer) -> Bool {
        guard count == other.count else { return false }
        guard let start = other.baseAddress else { return true }
        return withUnsafeBytes { memcmp($0.baseAddress ?? start, start, other.count) == 0 }
    }
}
