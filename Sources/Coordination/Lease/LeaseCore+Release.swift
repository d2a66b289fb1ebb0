import Metrics
import RedisCore
import Synchronization

/// The end of a lease: given back once, in bounded time, whatever happened to the caller.
extension LeaseCore {
    @inline(__always)
    func release() async throws -> ReleaseOutcome {
        let now = Moment.now
        switch inner.withLock({ $0.machine.beginRelease(now) }) {
        case .finished(let outcome): return outcome
        case .join:
            return try await withCheckedContinuation { joiner in
                let known = inner.withLock { inner -> Bool in
                    guard inner.machine.isReleasing else { return true }
                    inner.releaseJoiners.append(joiner)
                    return false
                }
                // The release we meant to join has just ended: its result is what beginRelease answers now.
                if known { joiner.resume(returning: joinedLate()) }
            }.get()
        case .send(let mayHaveBeenSent):
            // Before the first suspension: no renewal is decided from here on.
            engine.renewals.remove(self)
            return try await sendRelease(now, mayHaveBeenSent: mayHaveBeenSent)
        }
    }

    /// The work's result was recorded, which released the lease in the same step.
    func finished() {
        engine.renewals.remove(self)
        inner.withLock { inner in
            inner.machine.finished()
            return inner.listeners.takeAll()
        }.notify(nil)
    }

    /// The usual case first, in the caller's own task; a cancelled caller or a lost reply takes the long way.
    @inline(__always)
    private func sendRelease(_ begun: Instant, mayHaveBeenSent: Bool) async throws -> ReleaseOutcome {
        var repeated = mayHaveBeenSent
        do {
            let reply = try await requestFirst()
            return try ended(.init(result: .success(reply), repeated: repeated)).get()
        } catch let error as RedisError {
            if Persistent.isVerdict(error) {
                return try ended(.init(result: .failure(error), repeated: repeated)).get()
            }
            repeated = repeated || error.wasWritten
        }
        return try ended(await insistOnRelease(until: begun + Lease.releaseBudget, repeated: repeated)).get()
    }

    /// The first request; a cancelled task's is not sent.
    @inline(__always)
    private func requestFirst() async throws(RedisError) -> Int64 {
        let timeout = Lease.releaseBudget
        guard otherKeys.isEmpty, remote == nil else { return try await requestRelease(timeout: timeout) }
        let call = TokenScriptCall(kind.shortRelease, key: key.name, token: token.bits, text: wakeSuffix)
        let redis = engine.redis
        let first = await withUnsafeContinuation { redis.start(call, timeout: timeout, $0) }
        if case .success(let reply) = first { return reply }
        return try await redis.finish(call, first, timeout: timeout)
    }

    /// Releases in a task of its own, within the budget.
    ///
    /// With `mayComeLater` until something was released: the grant can arrive after a release that found nothing, or
    /// found somebody else.
    func releaseBehind(mayComeLater: Bool) {
        Task.detached(executorPreference: engine.redis.eventLoop) { [self] in
            let deadline = Moment.now + Lease.releaseBudget
            var pause = Duration.milliseconds(10)
            while true {
                let answer = await insistOnRelease(until: deadline, repeated: false)
                guard mayComeLater, case .success(let reply) = answer.result, reply != 1, Moment.now + pause < deadline
                else { return }
                // Nobody cancels this task, so the sleep can only end on time.
                try? await engine.redis.eventLoop.sleep(for: pause)
                pause = min(pause * 2, .milliseconds(200))
            }
        }
    }

    private func insistOnRelease(until deadline: Instant, repeated: Bool) async -> Persistent.Answer<Int64> {
        await Persistent(engine.redis).insist(until: deadline, repeated: repeated) {
            [self] timeout throws(RedisError) in try await requestRelease(timeout: timeout)
        }
    }

    private func requestRelease(timeout: Duration) async throws(RedisError) -> Int64 {
        if let remote { return try await remote.release(timeout: timeout) }
        return try await engine.redis.evaluate(
            kind.release, keys: keys, arguments: [token.text, wakeSuffix], timeout: timeout, on: .control)
    }

    private func ended(_ answer: Persistent.Answer<Int64>) -> Result<ReleaseOutcome, CoordinationError> {
        let (outcome, joiners, listeners) = inner.withLock { inner in
            let outcome: Result<ReleaseOutcome, CoordinationError>
            switch answer.result {
            case .success(let reply):
                outcome = .success(inner.machine.releaseAnswered(.init(reply), repeated: answer.repeated))
            case .failure(let error) where error.code == .wrongType:
                outcome = .success(inner.machine.releaseAnswered(.other, repeated: answer.repeated))
            case .failure(let error):
                inner.machine.releaseFailed()
                outcome = .failure(unanswered(error))
            }
            let joiners = inner.releaseJoiners
            inner.releaseJoiners = []
            return (outcome, joiners, inner.listeners.takeAll())
        }
        for joiner in joiners { joiner.resume(returning: outcome) }
        listeners.notify(nil)
        if case .failure = outcome { engine.metrics.releasesFailed.increment() }
        return outcome
    }

    private func joinedLate() -> Result<ReleaseOutcome, CoordinationError> {
        if let outcome = inner.withLock({ $0.machine.outcome }) { return .success(outcome) }
        return .failure(unanswered(nil))
    }

    private func unanswered(_ error: RedisError?) -> CoordinationError {
        CoordinationError(
            .unavailable, operation: "release", key: key.name,
            message: "the release of \(key.name) was not answered; release again or let its time to live end it",
            underlying: error)
    }
}
