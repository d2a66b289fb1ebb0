import RedisCore

/// The life of one candidate as decisions without clock, task or network.
///
/// idle → asking → leading → idle …, until it is told to stop. Whether a leader may still be trusted is its lease's
/// business (``LeaseStateMachine``) and ``ElectionTimes/stepDown(trustedUntil:)``.
struct ElectionStateMachine {
    typealias Instant = Moment

    /// What the candidate does next.
    enum Step: Equatable {
        case campaign
        /// Nothing, unless it is woken or told to stop before.
        case wait(until: Instant)
        case lead(term: Int64)
        case finish
    }

    /// How one request ended.
    enum Answer: Equatable {
        case won(term: Int64)
        case held(Leader)
        /// An administrator has sent this candidate away for a time.
        case barred(Duration)
        /// Nobody knows.
        case failed
    }

    /// Why a term is over.
    enum TermEnd: Equatable {
        case lost
        /// The body returned: others get the first chance.
        case resigned
    }

    private enum State {
        case idle(until: Instant)
        case barred(until: Instant)
        case asking
        case leading(Int64)
    }

    private var state: State
    private var isStopping = false
    /// An announcement came while a request was under way, which may have been executed before it.
    private var wakePending = false
    private let retry: Duration
    /// Who led when last heard of; to tell a change from a repetition.
    private(set) var known: Leader?

    init(retry: Duration, now: Instant) {
        self.retry = retry
        state = .idle(until: now)
    }

    /// What to do now; `campaign` and `lead` are to be answered before the next call.
    mutating func next(_ now: Instant) -> Step {
        switch state {
        case .leading(let term): return .lead(term: term)
        case _ where isStopping: return .finish
        case .idle(let until), .barred(let until):
            guard now >= until else { return .wait(until: until) }
            state = .asking
            wakePending = false
            return .campaign
        case .asking: preconditionFailure("a candidate asks once at a time")
        }
    }

    /// Told to end: a leader is to be stopped by the caller, anybody else asks no more.
    mutating func stop() { isStopping = true }

    /// Something changed: ask at once, except while barred.
    mutating func woken(_ now: Instant) {
        switch state {
        case .idle: state = .idle(until: now)
        case .asking: wakePending = true
        case .barred, .leading: break
        }
    }

    /// Takes an answer; the new leader, when it is one that was not known.
    ///
    /// `spread` is 1 to 1.2, so that candidates that were woken together do not ask together for ever.
    mutating func answered(_ answer: Answer, id: String, _ now: Instant, spread: Double) -> Leader? {
        let pause = wakePending ? Duration.zero : retry * spread
        switch answer {
        case .won(let term):
            state = .leading(term)
            return note(Leader(id: id, term: term, leaseLeft: .zero))
        case .held(let leader):
            // The lease's end is the next time at which the place can be free unannounced.
            state = .idle(until: now + min(pause, max(leader.leaseLeft, .milliseconds(1))))
            return note(leader)
        case .barred(let left): state = .barred(until: now + left)
        case .failed: state = .idle(until: now + pause)
        }
        return nil
    }

    mutating func termEnded(_ end: TermEnd, _ now: Instant, spread: Double) {
        guard case .leading = state else { preconditionFailure("only a leader's term ends") }
        // Somebody else's turn: two periods, in which every other candidate has asked once.
        state = .idle(until: now + retry * spread * (end == .resigned ? 2 : 1))
        known = nil
    }

    private mutating func note(_ leader: Leader) -> Leader? {
        defer { known = leader }
        return known?.term == leader.term ? nil : leader
    }
}
