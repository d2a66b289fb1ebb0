/// Who is to be looked after next: a binary heap that can remove from the middle in O(log n).
///
/// Leases come and go far more often than they are renewed, so leaving removed entries to be skipped later would keep
/// millions of dead ones. Slots are reused; the generation in the id tells a stale id from the slot's next tenant.
struct RenewalSchedule<Element> {
    typealias Instant = ContinuousClock.Instant

    struct ID: Hashable, Sendable {
        fileprivate let slot: Int
        fileprivate let generation: UInt64
    }

    private struct Slot {
        var generation: UInt64
        var element: Element?
        /// Where the slot stands in the heap; nil while the entry is out for being looked after, or free.
        var position: Int?
        var at: Instant
    }

    private var slots: [Slot] = []
    private var free: [Int] = []
    private var heap: [Int] = []

    var isEmpty: Bool { slots.count == free.count }
    var count: Int { slots.count - free.count }
    /// When to look next.
    var earliest: Instant? { heap.first.map { slots[$0].at } }

    mutating func add(_ element: Element, at: Instant) -> ID {
        let index: Int
        if let reused = free.popLast() {
            index = reused
            slots[index].element = element
        } else {
            index = slots.count
            slots.append(Slot(generation: 0, element: element, position: nil, at: at))
        }
        push(index, at)
        return ID(slot: index, generation: slots[index].generation)
    }

    /// Forgets an entry, wherever it is; false when it was forgotten before.
    @discardableResult
    mutating func remove(_ id: ID) -> Bool {
        guard slots[id.slot].generation == id.generation else { return false }
        pull(id.slot)
        slots[id.slot].element = nil
        slots[id.slot].generation += 1
        free.append(id.slot)
        return true
    }

    /// Moves an entry; also puts one back that was taken out.
    ///
    /// Nothing happens when it was forgotten meanwhile.
    mutating func reschedule(_ id: ID, at: Instant) {
        guard slots[id.slot].generation == id.generation else { return }
        pull(id.slot)
        push(id.slot, at)
    }

    /// Takes out the earliest entry that is due; it stays registered until `remove`, and sleeps until `reschedule`.
    mutating func takeDue(_ now: Instant) -> (id: ID, element: Element)? {
        guard let index = heap.first, slots[index].at <= now, let element = slots[index].element else { return nil }
        pull(index)
        return (ID(slot: index, generation: slots[index].generation), element)
    }

    /// Makes every entry that is in the heap due by then; equal times keep the heap's order valid.
    mutating func hurry(to now: Instant) {
        for index in heap { slots[index].at = min(slots[index].at, now) }
        heap.sort { slots[$0].at < slots[$1].at }
        for (position, index) in heap.enumerated() { slots[index].position = position }
    }

    // MARK: The heap

    private mutating func push(_ index: Int, _ at: Instant) {
        slots[index].at = at
        slots[index].position = heap.count
        heap.append(index)
        siftUp(heap.count - 1)
    }

    private mutating func pull(_ index: Int) {
        guard let position = slots[index].position else { return }
        slots[index].position = nil
        let last = heap.removeLast()
        guard last != index else { return }
        heap[position] = last
        slots[last].position = position
        siftUp(position)
        if let settled = slots[last].position { siftDown(settled) }
    }

    private mutating func siftUp(_ start: Int) {
        var child = start
        while child > 0 {
            let parent = (child - 1) / 2
            guard slots[heap[child]].at < slots[heap[parent]].at else { return }
            exchange(child, parent)
            child = parent
        }
    }

    private mutating func siftDown(_ start: Int) {
        var parent = start
        while true {
            let left = 2 * parent + 1
            guard left < heap.count else { return }
            let right = left + 1
            let smaller = right < heap.count && slots[heap[right]].at < slots[heap[left]].at ? right : left
            guard slots[heap[smaller]].at < slots[heap[parent]].at else { return }
            exchange(smaller, parent)
            parent = smaller
        }
    }

    private mutating func exchange(_ one: Int, _ other: Int) {
        heap.swapAt(one, other)
        slots[heap[one]].position = one
        slots[heap[other]].position = other
    }
}
