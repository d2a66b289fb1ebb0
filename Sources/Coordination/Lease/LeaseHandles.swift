/// How many handles a lease has: the last one that is given back ends it.
struct LeaseHandles: Sendable {
    private(set) var open = 1

    /// One more; false when the last one was given back already.
    mutating func retain() -> Bool {
        guard open > 0 else { return false }
        open += 1
        return true
    }

    /// One less; true when it was the last.
    mutating func close() -> Bool {
        open -= 1
        return open == 0
    }
}
