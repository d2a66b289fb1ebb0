import Logging
import Metrics
import RedisCore
import Synchronization

/// Renews every lease of one client: one timer on the event loop, requests in batches, on the control connection.
///
/// When a lease is due, others that are due within half of their period come along, as many as fill its batch: the
/// number of requests follows the number of leases divided by a batch's size, not the jitter between them.
///
/// Nothing here waits for Swift's thread pool: the timer fires on the loop's thread, decisions are made there, and the
/// task that awaits the replies has the loop as its executor. A handler that burns every core delays no renewal.
///
/// Order of locks: this loop's, then a lease's or the waiting room's. A lease never calls back while it holds its own.
final class RenewalLoop: Sendable {
    typealias Instant = Moment

    private struct State {
        /// Renewals without an answer so far.
        var failures = 0
        var schedule = RenewalSchedule<LeaseCore>()
        /// When the earliest timer fires.
        ///
        /// Timers are not taken back: an early one finds nothing to do.
        var armed: Instant?
        /// The instants of all timers that are still to fire: one each.
        var pending: Set<Instant> = []
        /// Announcements of forced releases are listened to.
        var isWatching = false
        var random = SplitMix(seed: .random(in: .min ... .max))
    }

    private let redis: RedisClient
    /// Begins and ends listening to announcements of forced releases.
    ///
    /// Called under this loop's lock, so that the two cannot overtake each other; it must not call back at once.
    private let watch: @Sendable (Bool) -> Void
    private let state = Mutex(State())

    init(_ redis: RedisClient, watch: @escaping @Sendable (Bool) -> Void = { _ in }) {
        self.redis = redis
        self.watch = watch
    }

    /// Leases that are looked after.
    var count: Int { state.withLock { $0.schedule.count } }

    /// Renewals that got no answer so far.
    var failures: Int { state.withLock(\.failures) }

    /// A factor of 0.9 to 1.1, so that leases taken together are not renewed together for ever.
    func spread() -> Double { state.withLock { $0.random.spread() } }

    // MARK: Registration

    /// Registers a lease whose acquisition is about to be sent.
    func register(_ core: LeaseCore, now: Instant) {
        let timer = state.withLock { state in
            let at = core.acquireSent(now, spread: state.random.spread())
            core.renewalID = state.schedule.add(core, at: at)
            return Self.armIfNeeded(&state)
        }
        if let timer { arm(timer, now: now) }
    }

    /// Forgets a lease; safe at any time.
    func remove(_ core: LeaseCore) {
        state.withLock { state in
            guard let id = core.renewalID else { return }
            core.renewalID = nil
            state.schedule.remove(id)
            guard state.isWatching, state.schedule.isEmpty else { return }
            state.isWatching = false
            watch(false)
        }
    }

    /// Whoever holds a lease for so long that it is renewed wants to hear when it is taken away by force; shorter ones
    /// do not pay for a subscription.
    private func watchIfNeeded(_ batches: [RenewalBatch]) {
        guard batches.contains(where: { $0.leases.contains { $0.kind.canBeForced } }) else { return }
        state.withLock { state in
            guard !state.isWatching, !state.schedule.isEmpty else { return }
            state.isWatching = true
            watch(true)
        }
    }

    /// Looks after a lease at another time.
    func reschedule(_ core: LeaseCore, at: Instant) {
        let timer = state.withLock { state -> Instant? in
            guard let id = core.renewalID else { return nil }
            state.schedule.reschedule(id, at: at)
            return Self.armIfNeeded(&state)
        }
        if let timer { arm(timer, now: .now) }
    }

    /// Looks after every lease now: after a reconnect nobody knows what the server still has.
    func hurry() {
        let now = Moment.now
        let timer = state.withLock { state in
            state.schedule.hurry(to: now)
            return Self.armIfNeeded(&state)
        }
        if let timer { arm(timer, now: now) }
    }

    // MARK: The timer

    /// The instant a new timer is needed for, remembered as armed.
    private static func armIfNeeded(_ state: inout State) -> Instant? {
        guard let earliest = state.schedule.earliest else { return nil }
        if let armed = state.armed, armed <= earliest { return nil }
        state.armed = earliest
        return state.pending.insert(earliest).inserted ? earliest : nil
    }

    private func arm(_ at: Instant, now: Instant) {
        // Weak: a timer that nobody needs any more must not keep the client's engine alive.
        redis.eventLoop.schedule(after: max(.zero, at - now)) { [weak self] in self?.fired(at) }
    }

    /// Runs on the loop's thread.
    private func fired(_ armed: Instant) {
        let now = Moment.now
        let due = state.withLock { state in
            state.pending.remove(armed)
            if state.armed == armed { state.armed = nil }
            var due: [LeaseCore] = []
            while let entry = state.schedule.takeDue(now) { due.append(entry.element) }
            return due + Self.companions(of: due, in: &state.schedule, now)
        }
        if now - armed > .seconds(1) {
            CoordinationMetrics.shared.renewalsLate.increment()
            redis.logger.warning(
                "renewals are late: the event loop or this process was stopped",
                metadata: ["late": "\(now - armed)", "leases": "\(due.count)"])
        }
        var batches: [RenewalBatch] = []
        for core in due { look(after: core, now, &batches) }
        for batch in batches { send(batch) }
        watchIfNeeded(batches)
        if let timer = state.withLock({ Self.armIfNeeded(&$0) }) { arm(timer, now: now) }
    }

    /// Leases that are due soon, as many as fill the last batch of those that are due now.
    private static func companions(
        of due: [LeaseCore], in schedule: inout RenewalSchedule<LeaseCore>, _ now: Instant
    ) -> [LeaseCore] {
        let size = RenewalBatch.size
        let room = (size - due.count % size) % size
        guard room > 0, let window = due.lazy.map(\.earlyWindow).max() else { return [] }
        var found: [LeaseCore] = []
        var passed: [(id: RenewalSchedule<LeaseCore>.ID, at: Instant)] = []
        while found.count < room, passed.count < size, let next = schedule.earliest, next <= now + window,
            let entry = schedule.takeEarliest()
        {
            if entry.element.mayRenewEarly(now, insteadOf: entry.at) {
                found.append(entry.element)
            } else {
                passed.append((entry.id, entry.at))
            }
        }
        for entry in passed { schedule.reschedule(entry.id, at: entry.at) }
        return found
    }

    private func look(after core: LeaseCore, _ now: Instant, _ batches: inout [RenewalBatch]) {
        switch core.due(now) {
        case .renew(let ttl, let lookAgain):
            putBack(core, at: lookAgain)
            RenewalBatch.add(core, ttl, sentAt: now, to: &batches)
        case .wait(let at): putBack(core, at: at)
        case .lost(let reason): core.lost(reason)
        case .forget: remove(core)
        }
    }

    private func putBack(_ core: LeaseCore, at: Instant) {
        state.withLock { state in
            guard let id = core.renewalID else { return }
            state.schedule.reschedule(id, at: at)
        }
    }

    // MARK: Requests

    private func send(_ batch: RenewalBatch) {
        Task(executorPreference: redis.eventLoop) { [self] in
            do {
                let answers = try await batch.answers(from: redis)
                for (core, answer) in zip(batch.leases, answers) { answered(core, answer, batch.sentAt) }
            } catch {
                state.withLock { $0.failures += batch.leases.count }
                CoordinationMetrics.shared.renewalsFailed.increment(by: batch.leases.count)
                redis.logger.info(
                    "renewal failed; it is tried again while the leases can be trusted",
                    metadata: ["leases": "\(batch.leases.count)", "error": "\(error)"])
                for core in batch.leases { answered(core, nil, batch.sentAt) }
            }
        }
    }

    private func answered(_ core: LeaseCore, _ answer: LeaseStateMachine.Answer?, _ sentAt: Instant) {
        switch core.renewalAnswered(answer, sentAt: sentAt, spread: spread()) {
        case .next(let at): reschedule(core, at: at)
        case .lost(let reason): core.lost(reason)
        case .forget: remove(core)
        }
    }
}
