import RedisCore

/// Who is to be looked after next: a binary heap that can remove from the middle in O(log n).
///
/// Leases come and go far more often than they are renewed, so leaving removed entries to be skipped later would keep
/// millions of dead ones. Slots are reused; the generation in the id tells a stale id from the slot's next tenant.
struct RenewalSchedule<Element> {
    typealias Instant = Moment

    struct ID: Hashable, Sendable {
        fileprivate let slot: Int
        fileprivate let generation: UInt64
    }

    // One entry per slot, in three arrays: sifting touches only the positions.
    private var elements: [Element?] = []
    private var generations: [UInt64] = []
    /// Where the slot stands in the heap; −1 while the entry is out for being looked after, or free.
    private var positions: [Int] = []
    private var free: [Int] = []
    private var heap: [RenewalNode] = []

    var isEmpty: Bool { elements.count == free.count }
    var count: Int { elements.count - free.count }
    /// When to look next.
    var earliest: Instant? { heap.first?.at }

    mutating func add(_ element: Element, at: Instant) -> ID {
        let slot: Int
        if let reused = free.popLast() {
            slot = reused
            elements[slot] = element
        } else {
            slot = elements.count
            elements.append(element)
            generations.append(0)
            positions.append(-1)
        }
        push(slot, at)
        return ID(slot: slot, generation: generations[slot])
    }

    /// Forgets an entry, wherever it is; false when it was forgotten before.
    @discardableResult
    mutating func remove(_ id: ID) -> Bool {
        guard generations[id.slot] == id.generation else { return false }
        pull(id.slot)
        elements[id.slot] = nil
        generations[id.slot] += 1
        free.append(id.slot)
        return true
    }

    /// Moves an entry; also puts one back that was taken out.
    ///
    /// Nothing happens when it was forgotten meanwhile.
    mutating func reschedule(_ id: ID, at: Instant) {
        guard generations[id.slot] == id.generation else { return }
        pull(id.slot)
        push(id.slot, at)
    }

    /// Takes out the earliest entry that is due; it stays registered until `remove`, and sleeps until `reschedule`.
    mutating func takeDue(_ now: Instant) -> (id: ID, element: Element)? {
        guard let first = heap.first, first.at <= now, let element = elements[first.slot] else { return nil }
        pull(first.slot)
        return (ID(slot: first.slot, generation: generations[first.slot]), element)
    }

    /// Takes out the earliest entry, due or not; as `takeDue`.
    mutating func takeEarliest() -> (id: ID, element: Element, at: Instant)? {
        guard let first = heap.first, let element = elements[first.slot] else { return nil }
        pull(first.slot)
        return (ID(slot: first.slot, generation: generations[first.slot]), element, first.at)
    }

    /// Makes every entry that is in the heap due by then; a sorted array is a valid heap.
    mutating func hurry(to now: Instant) {
        for position in heap.indices { heap[position].at = min(heap[position].at, now) }
        heap.sort { $0.at < $1.at }
        for position in heap.indices { positions[heap[position].slot] = position }
    }

    // MARK: The heap

    private mutating func push(_ slot: Int, _ at: Instant) {
        heap.append(RenewalNode(at: at, slot: slot))
        siftUp(heap.count - 1)
    }

    private mutating func pull(_ slot: Int) {
        let position = positions[slot]
        guard position >= 0 else { return }
        positions[slot] = -1
        let last = heap.removeLast()
        guard last.slot != slot else { return }
        heap[position] = last
        siftDown(siftUp(position))
    }

    @discardableResult
    private mutating func siftUp(_ start: Int) -> Int {
        let node = heap[start]
        var child = start
        while child > 0 {
            let parent = (child - 1) / 2
            guard node.at < heap[parent].at else { break }
            place(heap[parent], child)
            child = parent
        }
        place(node, child)
        return child
    }

    private mutating func siftDown(_ start: Int) {
        let node = heap[start]
        var parent = start
        while true {
            let left = 2 * parent + 1
            guard left < heap.count else { break }
            let right = left + 1
            let smaller = right < heap.count && heap[right].at < heap[left].at ? right : left
            guard heap[smaller].at < node.at else { break }
            place(heap[smaller], parent)
            parent = smaller
        }
        place(node, parent)
    }

    private mutating func place(_ node: RenewalNode, _ position: Int) {
        heap[position] = node
        positions[node.slot] = position
    }
}

/// When to look after which slot; outside of the generic type, so that it is copied without asking the runtime how.
private struct RenewalNode {
    var at: Moment
    var slot: Int
}
