import Logging
import Metrics
import RedisCore
import Tracing

/// The running half of `once`: the body under its lease, then its result or its failure into the record.
struct OnceRun: Sendable {
    /// How long storing an outcome is tried, whatever happened to the caller.
    ///
    /// Longer than a release's budget: an outcome that is not stored is run again.
    static let budget = Duration.seconds(10)

    private let request: OnceRequest
    private let lease: Lease
    private let takenOver: Bool
    private let onFailure: TaskCoordinator.FailurePolicy
    private let isDebounced: Bool
    private var engine: CoordinationEngine { request.engine }

    init(
        _ request: OnceRequest, _ lease: Lease, takenOver: Bool, onFailure: TaskCoordinator.FailurePolicy,
        isDebounced: Bool = false
    ) {
        self.request = request
        self.lease = lease
        self.takenOver = takenOver
        self.onFailure = onFailure
        self.isDebounced = isDebounced
    }

    /// The body's value, after what `encode` makes of it was stored; nil stores that it was done, and no more.
    func run<T: Sendable>(
        _ body: @escaping @Sendable (Lease) async throws -> T, encode: (T) throws -> [UInt8]?
    ) async throws -> T {
        if takenOver { engine.metrics.onceTakenOver.increment() }
        let result = await withSpan("once.run", ofKind: .internal) { span -> Result<T, any Error> in
            span.attributes["once.key"] = request.key
            guard lease.isTrusted else { return .failure(CancellationError()) }
            return await GuardedBody.run(lease, body)
        }
        switch result {
        case .success(let value):
            try await store { try encode(value) }
            engine.metrics.onceExecuted.increment()
            return value
        case .failure(let error):
            engine.metrics.onceFailed.increment()
            throw await failed(error)
        }
    }

    private func store(_ encode: () throws -> [UInt8]?) async throws {
        // The body gave the task back itself: it is free to be run again, and there is nowhere to store a result.
        if lease.core.isReleased { return }
        var json: [UInt8]?
        do {
            json = try encode()
        } catch {
            engine.logger.error(
                "a task's result cannot be stored; the task counts as done without it",
                metadata: ["task": "\(request.id)", "error": "\(error)"])
        }
        try await finish(request.ending.success, field: json == nil ? "" : "result", json ?? [], underlying: nil)
    }

    /// Leaves behind what the policy asks for and answers what to throw.
    private func failed(_ error: any Error) async -> any Error {
        let loss = lease.loss
        let interrupted = loss != nil || error is CancellationError
        do {
            if onFailure == .remember, !interrupted {
                // The type only: an error's text may quote what must not be stored.
                let name = Array("\(type(of: error))".utf8)
                try await finish(request.ending.failure, field: "error", name, underlying: error)
            } else if isDebounced, !interrupted {
                // Not tried again, and older calls stay superseded by it.
                try await finish(("freed", OnceScripts.linger, false), field: "", [], underlying: error)
            } else {
                try await lease.release()
            }
        } catch {
            engine.logger.warning(
                "a failed task was not given back; it stays claimed until its lease lapses",
                metadata: ["task": "\(request.id)", "error": "\(error)"])
        }
        guard let loss else { return error }
        return lease.core.lostError("once", loss, underlying: error)
    }

    /// Writes the outcome if the token is still the record's.
    ///
    /// Renewal goes on until that is answered.
    private func finish(
        _ outcome: (state: String, keep: Int64, fromClaim: Bool), field: String, _ value: [UInt8],
        underlying: (any Error)?
    ) async throws {
        let core = lease.core
        let arguments: [any RedisArgument] = [
            core.token.text, outcome.state, field, value, outcome.keep, request.wakeSuffix, outcome.fromClaim ? 1 : 0,
            OnceScripts.linger,
        ]
        let answer: Persistent.Answer<Int64> = await Persistent(engine.redis).run(within: Self.budget) {
            [redis = engine.redis] timeout throws(RedisError) in
            try await redis.evaluate(
                OnceScripts.finish, keys: [core.key], arguments: arguments, timeout: timeout, on: .control)
        }
        switch answer.result {
        case .success(1): core.finished()
        case .success(let reply):
            let loss = lease.loss ?? (reply == 0 ? .expired : .takenOver)
            if lease.loss == nil { core.lost(loss) }
            throw core.lostError("once", loss, underlying: underlying)
        case .failure(let error):
            core.refused()
            throw CoordinationError(
                .unavailable, operation: "once", key: request.key,
                message: "\(request.id) was run, but Redis did not take its outcome; it may be run again",
                underlying: error)
        }
    }
}
