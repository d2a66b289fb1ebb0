/// One call of `remember`: pure; its owner reads, joins flights and keeps time.
///
/// It delivers a value that it read itself, one whose load began after the call did, or one whose storing confirmed
/// that nothing was invalidated until after the call joined. So no call ever gets a value that is older than an
/// invalidation which was complete before the call began.
struct RememberMachine: Sendable {
    /// What a read found.
    enum Sight: Sendable, Equatable {
        case hit
        /// Good, and worth refreshing.
        case early
        /// To be served only when loading fails or takes too long.
        case stale
        case missing
        /// Redis did not answer.
        case unreachable
    }

    enum Action: Sendable, Equatable {
        case look
        case deliver(refreshing: Bool)
        case deliverStale
        /// Share the flight that there is, or start one.
        case join(FillMachine.Purpose)
        /// A flight of this call's own, which stores nothing.
        case flyAlone
        case deliverLoaded
        case deliverRead
        /// Throw the load's error.
        case fail
        case failTimedOut
    }

    /// So often somebody else's value may come between before the call loads for itself.
    static let mostRounds = 4

    /// How many loads had begun when the call did.
    let ticket: UInt64
    private var hasStale = false
    private var rounds = 0
    private var isLate = false

    init(ticket: UInt64) { self.ticket = ticket }

    /// `isResting`: nobody shall load for the moment.
    mutating func saw(_ sight: Sight, isResting: Bool = false) -> Action {
        hasStale = sight == .stale
        switch sight {
        case .hit: return .deliver(refreshing: false)
        case .early: return .deliver(refreshing: !isResting)
        case .stale where isResting: return .deliverStale
        case .stale, .missing, .unreachable:
            rounds += 1
            guard rounds <= Self.mostRounds else { return hasStale ? .deliverStale : .flyAlone }
            return .join(hasStale ? .stale : .miss)
        }
    }

    /// Late: its value is on its way into Redis already, and says nothing of what happened since.
    mutating func joined(isLate: Bool) { self.isLate = isLate }

    /// `began` is the load's number.
    func ended(_ ending: FillMachine.Ending, began: UInt64) -> Action {
        switch ending {
        case .loaded(let isConfirmed): began > ticket || isConfirmed && !isLate ? .deliverLoaded : .look
        case .read: isLate ? .look : .deliverRead
        case .failed: hasStale ? .deliverStale : .fail
        case .held: hasStale ? .deliverStale : .look
        case .unsettled: .look
        }
    }

    /// Only when there is a stale value.
    func softTimedOut() -> Action { .deliverStale }

    func hardTimedOut() -> Action { hasStale ? .deliverStale : .failTimedOut }
}
