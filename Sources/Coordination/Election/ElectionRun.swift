import Logging
import Metrics
import RedisCore
import Synchronization

/// The body of ``LeaderElection/run()``: does what the state machine says.
final class ElectionRun: Sendable {
    let signal: ElectionSignal
    private let election: LeaderElection
    private let request: ElectionRequest
    private var engine: CoordinationEngine { request.engine }
    /// The lease of the term that runs, for the listener.
    private let lease = Mutex<Lease?>(nil)

    init(_ election: LeaderElection, _ request: ElectionRequest) {
        self.election = election
        self.request = request
        signal = ElectionSignal(request.engine.redis.eventLoop)
    }

    func run() async throws {
        engine.policyCheck.runOnce(engine.redis)
        let listener = Task(executorPreference: engine.redis.eventLoop) { await self.listen() }
        let result: Result<Void, any Error>
        do {
            result = .success(try await campaign())
        } catch {
            result = .failure(error)
        }
        listener.cancel()
        await listener.value
        try result.get()
    }

    private func campaign() async throws {
        var machine = ElectionStateMachine(retry: request.times.retry, now: .now)
        while true {
            if signal.isStopped { machine.stop() }
            switch machine.next(.now) {
            case .finish: return
            case .wait(let until): if await signal.wait(until: until) { machine.woken(.now) }
            case .campaign:
                let (answer, lease) = try await ask()
                if let leader = machine.answered(answer, id: election.id, .now, spread: spread()) {
                    election.listeners.tell(.newLeader(leader))
                }
                if let lease { machine.termEnded(try await lead(lease), .now, spread: spread()) }
            case .lead: preconditionFailure("a term is led where it was won")
            }
        }
    }

    private func spread() -> Double { 1 + max(0, engine.renewals.spread() - 0.9) }

    private func ask() async throws -> (ElectionStateMachine.Answer, Lease?) {
        do {
            switch try await request.campaign() {
            case .won(let lease): return (.won(term: lease.fencingToken), lease)
            case .held(let leader): return (.held(leader), nil)
            case .barred(let left): return (.barred(left), nil)
            }
        } catch {
            if (error as? CoordinationError)?.isClosed == true { throw error }
            if !signal.isStopped {
                engine.logger.info(
                    "nobody knows who leads; asked again soon",
                    metadata: ["election": "\(request.name)", "error": "\(error)"])
            }
            return (.failed, nil)
        }
    }

    // MARK: Leading

    private func lead(_ lease: Lease) async throws -> ElectionStateMachine.TermEnd {
        // Told to end while the question was under way: nobody is to lead for a moment.
        guard !signal.isStopped else {
            await resign(lease)
            return .lost
        }
        let leadership = Leadership(lease: lease, times: request.times, id: election.id)
        ElectionMetrics.gained.increment()
        engine.logger.notice(
            "elected",
            metadata: ["election": "\(request.name)", "id": "\(election.id)", "term": "\(lease.fencingToken)"])
        self.lease.withLock { $0 = lease }
        election.setCurrent(leadership)
        election.listeners.tell(.gained(term: leadership.term))
        let task = Task { try await election.lead(leadership) }
        let listener = lease.core.listen { reason in if reason != nil { task.cancel() } }
        let watch = StepDownWatch(leadership, engine.redis.eventLoop) { task.cancel() }
        signal.lead { task.cancel() }
        let result = await task.result
        signal.termEnded()
        watch.cancel()
        if let listener { lease.core.unlisten(listener) }
        // A renewal that is confirmed while the body unwinds does not undo the step-down.
        let wasTrusted = !watch.hasSteppedDown && leadership.isTrusted
        let loss = lease.loss
        await resign(lease)
        self.lease.withLock { $0 = nil }
        election.setCurrent(nil)
        ElectionMetrics.lost.increment()
        election.listeners.tell(.lost(term: leadership.term, loss))
        // What a body throws when its term is taken from it is no failure of its own.
        if wasTrusted, !signal.isStopped { try result.get() }
        return wasTrusted ? .resigned : .lost
    }

    /// For at most 2 s, whatever happened to the caller; a lease that was lost is left alone.
    private func resign(_ lease: Lease) async {
        do {
            try await lease.release()
        } catch {
            engine.logger.warning(
                "a leader's resignation was not answered; its successor has to wait for the end of the lease",
                metadata: ["election": "\(request.name)", "error": "\(error)"])
        }
    }

    // MARK: Listening

    /// Wakes the candidate at each announcement, and after every time of deafness.
    private func listen() async {
        let redis = engine.redis
        while !signal.isStopped, !Task.isCancelled {
            do {
                let subscription = try await redis.subscribe(channels: [request.keys.leader + request.wakeSuffix])
                // What was announced before is found by asking.
                await announced()
                while await subscription.nextBatch() != nil { await announced() }
                await subscription.cancel()
            } catch {
                redis.logger.info(
                    "campaigning without announcements for now: subscribing failed", metadata: ["error": "\(error)"])
            }
            guard !Task.isCancelled else { return }
            try? await redis.eventLoop.sleep(for: request.times.retry)
        }
    }

    /// A leader asks whether it still is; anybody else whether it may become one.
    private func announced() async {
        // A "no" makes the lease lost, which ends the term; no answer leaves it to the renewals.
        if let lease = lease.withLock({ $0 }) { _ = try? await lease.isHeld() }
        signal.wake()
    }
}

/// Ends a term when its renewal is overdue: looks on the event loop, so that busy cores delay it as little as possible.
private final class StepDownWatch: Sendable {
    private let leadership: Leadership
    private let loop: EventLoop
    private let stepDown: @Sendable () -> Void
    private let timer = Mutex<LoopTimer?>(nil)
    private let isOver = Atomic(false)
    private let steppedDown = Atomic(false)
    var hasSteppedDown: Bool { steppedDown.load(ordering: .acquiring) }

    init(_ leadership: Leadership, _ loop: EventLoop, stepDown: @escaping @Sendable () -> Void) {
        self.leadership = leadership
        self.loop = loop
        self.stepDown = stepDown
        arm()
    }

    func cancel() {
        isOver.store(true, ordering: .relaxed)
        timer.withLock { $0.take() }?.cancel()
    }

    private func arm() {
        let next = loop.schedule(after: max(.zero, leadership.stepDownAt - .now)) { [weak self] in self?.fired() }
        timer.withLock { $0 = next }
    }

    private func fired() {
        guard !isOver.load(ordering: .relaxed) else { return }
        // Renewals have moved the deadline in the meantime, or they have not.
        if .now < leadership.stepDownAt { return arm() }
        steppedDown.store(true, ordering: .releasing)
        stepDown()
    }
}

/// What elections count.
enum ElectionMetrics {
    static let gained = Counter(label: "election.gained")
    static let lost = Counter(label: "election.lost")
    static let deposed = Counter(label: "election.deposed")
}
