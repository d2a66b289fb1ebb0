import DequeModule

/// Units that a connection cannot send yet, in order, each still without any byte on the wire.
struct CommandQueue {
    /// A unit with bytes of its own.
    struct Waiting {
        var entry: ReplyEntry
        let bytes: [UInt8]
        let payloads: [CommandEncoder.Payload]
    }

    private var waiting = Deque<Waiting>()

    var isEmpty: Bool { waiting.isEmpty }
    var count: Int { waiting.count }
    /// The entries that wait, in order.
    var entries: [ReplyEntry] { waiting.map(\.entry) }

    mutating func append(_ unit: Waiting) { waiting.append(unit) }
    mutating func popFirst() -> Waiting? { waiting.popFirst() }

    /// Changes the entries that wait, in order.
    mutating func updateEntries(_ body: (inout ReplyEntry) -> Void) {
        for index in waiting.indices { body(&waiting[index].entry) }
    }

    /// Removes the unit of an entry that was cancelled or is late; nil when it is not waiting here.
    mutating func remove(id: UInt64) -> ReplyEntry? {
        guard let index = waiting.firstIndex(where: { $0.entry.id == id }) else { return nil }
        return waiting.remove(at: index).entry
    }

    /// Removes what is due at or before `now`.
    mutating func removeLate(_ now: UInt64) -> [ReplyEntry] {
        let late = entries.filter { $0.deadline <= now }
        if !late.isEmpty { waiting.removeAll { $0.entry.deadline <= now } }
        return late
    }

    mutating func removeAll() -> [ReplyEntry] {
        defer { waiting.removeAll() }
        return entries
    }
}
