/// When the demonstration kills, and when it is over: decisions on what the ledgers show.
///
/// The kill must hit work in the middle. A handler that had already written `done` when its worker died would be run
/// again, because nobody could have recorded that it was finished; no system can tell these two cases apart from
/// outside. So the victim's handlers are first asked to wait half-way. When each of the victim's slots holds
/// such a handler, no other of its runs can be between its effect and the record of it: a slot is free again
/// only after the record.
struct DemoPlan: ~Copyable {
    enum Action: Equatable {
        case none
        /// Ask the victim's handlers to wait half-way.
        case hold
        case kill
        case finish
    }

    private enum Phase { case running, holding, killed, finished }
    private var phase = Phase.running
    private let expected: Set<String>
    private let victim: String
    private let slots: Int

    init(expected: Set<String>, victim: String, slots: Int) {
        self.expected = expected
        self.victim = victim
        self.slots = slots
    }

    mutating func observe(_ ledgers: [String: Ledger]) -> Action {
        let done = ledgers.values.reduce(0) { $0 + $1.done }
        switch phase {
        case .running where done * 4 >= expected.count:
            phase = .holding
            return .hold
        case .holding:
            guard let ledger = ledgers[victim], ledger.unfinished.count == slots, ledger.allUnfinishedAreHeld else {
                return .none
            }
            phase = .killed
            return .kill
        case .killed where expected.allSatisfy { id in ledgers.values.contains { ($0.work[id]?.done ?? 0) > 0 } }:
            phase = .finished
            return .finish
        default:
            return .none
        }
    }
}
