/// Those who want to hear once that a lease was lost (a reason) or is over in order (nil).
struct LossListeners: Sendable {
    typealias ID = UInt64
    typealias Listener = @Sendable (LeaseLoss?) -> Void

    private var entries: [(id: ID, listener: Listener)] = []
    private var nextID: ID = 0

    mutating func add(_ listener: @escaping Listener) -> ID {
        nextID += 1
        entries.append((nextID, listener))
        return nextID
    }

    var isEmpty: Bool { entries.isEmpty }

    mutating func remove(_ id: ID) { entries.removeAll { $0.id == id } }

    /// Empties the list, so that everybody is told exactly once; call `notify` on the result without holding a lock.
    mutating func takeAll() -> LossListeners {
        guard !entries.isEmpty else { return LossListeners() }
        let all = self
        entries = []
        return all
    }

    func notify(_ reason: LeaseLoss?) {
        for entry in entries { entry.listener(reason) }
    }
}
