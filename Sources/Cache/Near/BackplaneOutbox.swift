/// Changes that the other near caches have to be told, each once, the oldest first.
///
/// Pure. A change that is noted again while it waits is told once. One that could not be told waits again; numbers are
/// given out when a message is sent, so one that got lost shows at the receivers as a gap, and they drop everything.
struct BackplaneOutbox: Sendable {
    /// Beyond that many it is cheaper to tell that everything changed.
    static let mostWaiting = 10_000

    let sender: UInt64
    private var lastNumber: UInt64 = 0
    private var order: [NearMessage.Change] = []
    private var waiting: Set<NearMessage.Change> = []
    /// True while somebody is at work on it.
    private(set) var isBusy = false

    init(sender: UInt64) { self.sender = sender }

    var count: Int { order.count }

    /// Notes changes that have happened.
    mutating func note(_ changes: some Sequence<NearMessage.Change>) {
        for change in changes where !waiting.contains(.all) {
            if waiting.insert(change).inserted { order.append(change) }
            if change == .all || order.count > Self.mostWaiting { reduce() }
        }
    }

    /// True when there is something to send and nobody at work: that is the caller now.
    mutating func begin() -> Bool {
        guard !isBusy, !order.isEmpty else { return false }
        isBusy = true
        return true
    }

    private mutating func reduce() {
        order = [.all]
        waiting = [.all]
    }

    /// What to send now, numbered; empty when all is told, and then nobody is at work any more.
    mutating func next(max count: Int) -> [NearMessage] {
        let some = order.prefix(count)
        order.removeFirst(some.count)
        waiting.subtract(some)
        isBusy = !some.isEmpty
        return some.map { change in
            lastNumber += 1
            return NearMessage(sender: sender, number: lastNumber, change)
        }
    }

    /// What could not be told has to be told later.
    mutating func failed(_ messages: [NearMessage]) {
        let changes = messages.map(\.change).filter { !waiting.contains($0) && !waiting.contains(.all) }
        order = changes + order
        waiting.formUnion(changes)
        if changes.contains(.all) || order.count > Self.mostWaiting { reduce() }
    }

    /// Nobody has to be told, or can be told, any more.
    mutating func abandon() {
        order = []
        waiting = []
    }
}
