import DequeModule
import RedisCore

/// Who waits for one name in this process, in order of arrival; only the first one asks Redis.
///
/// Pure: the owner subscribes, keeps time and tells waiters. A wake-up that arrives while a request is under way is
/// remembered, because that request may have been executed before the release it announces.
struct WaitQueue {
    typealias ID = UInt64
    typealias Instant = Moment

    /// Whom to tell to ask Redis.
    enum Action: Equatable {
        case none
        case attempt(ID)
    }

    /// How an attempt ended.
    enum Verdict: Equatable {
        /// Held by this process now, at least until then: the next waiter waits.
        case granted(retryAt: Instant)
        /// Held by somebody else, at most until then unless it is renewed.
        case denied(retryAt: Instant)
        /// Nothing to wait for any more, or the attempt itself failed: the next one looks at once.
        case over
    }

    private enum Attempt {
        case none
        case running(ID, wakePending: Bool)
    }

    private var waiters: Deque<ID> = []
    private var attempt = Attempt.none
    /// The server confirmed the subscription, so a release cannot be missed any more.
    private var listening = false
    private var retryAt: Instant

    /// `retryAt` bounds the wait for the subscription's confirmation.
    init(retryAt: Instant) { self.retryAt = retryAt }

    var isEmpty: Bool { waiters.isEmpty }
    var count: Int { waiters.count }

    /// When to call `timer`; nil while somebody asks or nobody waits.
    var wakeAt: Instant? {
        guard case .none = attempt, !waiters.isEmpty else { return nil }
        return retryAt
    }

    mutating func join(_ id: ID) -> Action {
        waiters.append(id)
        return listening && waiters.count == 1 ? start() : .none
    }

    /// The subscription is confirmed: ask again, the lock may have been released before it was.
    mutating func subscribed() -> Action {
        listening = true
        return wake()
    }

    /// The subscription was lost or could not be had: only the timer is left.
    mutating func deaf() { listening = false }

    /// The lock was released, or nobody knows whether it was.
    mutating func wake() -> Action {
        if case .running(let id, _) = attempt {
            attempt = .running(id, wakePending: true)
            return .none
        }
        return start()
    }

    mutating func timer(_ now: Instant) -> Action {
        guard case .none = attempt, now >= retryAt else { return .none }
        return start()
    }

    /// The waiter gave up.
    mutating func leave(_ id: ID) -> Action {
        guard let index = waiters.firstIndex(of: id) else { return .none }
        waiters.remove(at: index)
        guard case .running(id, _) = attempt else { return .none }
        // It may have been woken by the only message there will be: pass that on.
        attempt = .none
        return start()
    }

    mutating func finished(_ id: ID, _ verdict: Verdict) -> Action {
        guard case .running(id, let wakePending) = attempt else { return .none }
        attempt = .none
        switch verdict {
        case .denied(let at):
            retryAt = at
            return wakePending ? start() : .none
        case .granted(let at):
            // A wake-up from before the grant is spent; this process' own release sends the next.
            retryAt = at
            remove(id)
            return .none
        case .over:
            remove(id)
            return start()
        }
    }

    private mutating func remove(_ id: ID) {
        if let index = waiters.firstIndex(of: id) { waiters.remove(at: index) }
    }

    private mutating func start() -> Action {
        guard let first = waiters.first else { return .none }
        attempt = .running(first, wakePending: false)
        return .attempt(first)
    }
}
