import FoundationEssentials
import Metrics
public import RedisCore

/// Runs a task at most once per id and window in the whole fleet, as long as nobody dies: its first caller runs it, the
/// others get the stored result.
///
/// ```swift
/// let outcome = try await TaskCoordinator(redis).once("invoice:7", keepResult: .seconds(86_400)) { lease in
///     try await makeInvoice(fence: lease.fencingToken)
/// }
/// ```
///
/// What is promised: two owners never hold the task at the same time as far as a lease can tell, and once a result is
/// stored nobody runs it again until ``once(_:lease:keepResult:followers:onFailure:_:)``'s `keepResult` is over. What
/// cannot be promised is "exactly once": an owner that dies after its effect and before its result was stored is
/// followed by another that runs the task again (**at least once**). Make the effect repeatable, or pass the
/// ``Lease/fencingToken`` to it.
public final class TaskCoordinator: Sendable {
    /// How a call ended.
    public enum Outcome<T: Sendable>: Sendable {
        /// This caller ran it.
        ///
        /// `takenOver` when an earlier owner's lease had lapsed before it finished.
        case executed(T, takenOver: Bool)
        /// Somebody else had finished it; their stored result.
        case alreadyDone(T)
        /// Somebody else is at it (only with `followers: .skip`).
        case inProgress(owner: String, leaseLeft: Duration)
    }

    /// What a caller does when somebody else is at the task.
    public enum Followers: Sendable, Hashable {
        /// Returns `inProgress` at once.
        case skip
        /// Waits for the result, woken over pub/sub, and takes the task over when its owner's lease lapses; nil waits
        /// until cancelled.
        case wait(Duration?)
    }

    /// What a failing task leaves behind.
    public enum FailurePolicy: Sendable, Hashable {
        /// Nothing: the next caller tries again.
        case release
        /// The failure, as long as a result would be kept: callers until then get `taskFailed`.
        case remember
    }

    let engine: CoordinationEngine
    let keys: CoordinationKeys
    let owner: String
    let longestResult: Int

    /// Coordinates tasks on one server; nothing is sent.
    ///
    /// - Parameters:
    ///   - redis: The client to use; it must stay open while tasks run.
    ///   - owner: What `inProgress` and errors call this process; nil for the client's name, or else host and process
    ///     id.
    ///   - longestResult: The largest JSON that is stored, in bytes; default 1 MiB.
    public init(_ redis: RedisClient, owner: String? = nil, longestResult: Int = 1_048_576) {
        engine = CoordinationEngine.of(redis)
        keys = CoordinationKeys(redis.configuration, naming: .standard)
        let process = ProcessInfo.processInfo
        self.owner =
            owner ?? redis.configuration.clientName ?? "\(process.hostName):\(process.processIdentifier)"
        self.longestResult = longestResult
    }

    /// Runs `body` unless somebody else is at it or has done it.
    ///
    /// Two round trips for a first run (claim, store), one for a duplicate. The body runs in a task of its own, which
    /// is cancelled when the lease is lost or the caller is cancelled. The lease is renewed while it runs. The result
    /// is stored as JSON only while nobody else has taken the task over; otherwise it is discarded. A lost reply of
    /// either request is repeated with the effect of one.
    ///
    /// A result that cannot be encoded, or is longer than `longestResult`, is returned to this caller and the task
    /// counts as done; later callers get `resultUnavailable`. A cancelled or lost body is not remembered as a failure.
    ///
    /// - Parameters:
    ///   - id: 1 to 1,024 bytes; one task, whoever runs it.
    ///   - lease: 1 ms to ten years; how long a task stays claimed after its owner died.
    ///   - keepResult: 1 ms to ten years; the window in which the task is not run again.
    ///   - followers: What to do when somebody else is at it.
    ///   - onFailure: What a body that throws leaves behind.
    ///   - body: Gets the lease; it must not be released by the body unless it wants the task to be free again.
    /// - Throws: what the body throws; `lockLost` when somebody else took the task over, `taskFailed`, `taskInProgress`
    ///   when a follower's wait is over, `resultUnavailable`, `unavailable`, `invalidArgument`; `CancellationError`.
    public func once<T: Codable & Sendable>(
        _ id: String, lease: Duration = .seconds(30), keepResult: Duration = .seconds(86_400),
        followers: Followers = .skip, onFailure: FailurePolicy = .release,
        _ body: @escaping @Sendable (Lease) async throws -> T
    ) async throws -> Outcome<T> {
        let request = try OnceRequest(self, id, lease: lease, ending: .keep(keepResult))
        return try await run(request, followers, onFailure, body, encode: request.encode, decode: request.decode)
    }

    /// Runs a `body` without a result unless somebody else is at it or has done it.
    ///
    /// As ``once(_:lease:keepResult:followers:onFailure:_:)-(_,_,_,_,_,(Lease)->T)``; what is kept is that it was done.
    public func once(
        _ id: String, lease: Duration = .seconds(30), keepResult: Duration = .seconds(86_400),
        followers: Followers = .skip, onFailure: FailurePolicy = .release,
        _ body: @escaping @Sendable (Lease) async throws -> Void
    ) async throws -> Outcome<Void> {
        let request = try OnceRequest(self, id, lease: lease, ending: .keep(keepResult))
        return try await run(request, followers, onFailure, body, encode: { _ in nil }, decode: { _ in })
    }

    /// Runs a `body` that does not need its lease.
    ///
    /// As ``once(_:lease:keepResult:followers:onFailure:_:)-(_,_,_,_,_,(Lease)->T)``.
    public func once<T: Codable & Sendable>(
        _ id: String, lease: Duration = .seconds(30), keepResult: Duration = .seconds(86_400),
        followers: Followers = .skip, onFailure: FailurePolicy = .release,
        _ body: @escaping @Sendable () async throws -> T
    ) async throws -> Outcome<T> {
        try await once(id, lease: lease, keepResult: keepResult, followers: followers, onFailure: onFailure) { _ in
            try await body()
        }
    }

    /// Runs a `body` that has no result and does not need its lease.
    ///
    /// As ``once(_:lease:keepResult:followers:onFailure:_:)-(_,_,_,_,_,(Lease)->T)``.
    public func once(
        _ id: String, lease: Duration = .seconds(30), keepResult: Duration = .seconds(86_400),
        followers: Followers = .skip, onFailure: FailurePolicy = .release,
        _ body: @escaping @Sendable () async throws -> Void
    ) async throws -> Outcome<Void> {
        try await once(id, lease: lease, keepResult: keepResult, followers: followers, onFailure: onFailure) {
            (_: Lease) in try await body()
        }
    }

    func run<T: Sendable>(
        _ request: OnceRequest, _ followers: Followers, _ onFailure: FailurePolicy,
        _ body: @escaping @Sendable (Lease) async throws -> T, encode: (T) throws -> [UInt8]?,
        decode: ([UInt8]?) throws -> T
    ) async throws -> Outcome<T> {
        let claim = try await OnceWait(request, followers).claim()
        if case .first(let lease, let takenOver) = claim {
            let run = OnceRun(request, lease, takenOver: takenOver, onFailure: onFailure)
            return .executed(try await run.run(body, encode: encode), takenOver: takenOver)
        }
        engine.metrics.onceSkipped.increment()
        switch claim {
        case .first: preconditionFailure("a first claim was run above")
        case .inProgress(let owner, let left, _): return .inProgress(owner: owner, leaseLeft: left)
        case .done(let json): return .alreadyDone(try decode(json))
        case .failed(let owner, let error): throw request.failedEarlier(owner: owner, error: error)
        case .mismatch: throw request.claimedForAnother()
        }
    }

    /// Forgets a finished or failed task, so that it can run again; one round trip.
    ///
    /// A running one is left alone; see ``release(_:)``.
    ///
    /// - Returns: true when something was forgotten.
    /// - Throws: `unavailable` when Redis gave no verdict, `invalidArgument`; `CancellationError`.
    @discardableResult
    public func forget(_ id: String) async throws -> Bool {
        let key = try keys.once(id)
        do {
            return try await engine.redis.evaluate(
                OnceScripts.forget, keys: [RedisKey(key)], as: Int.self, on: .control) == 1
        } catch {
            throw CoordinationError.from(error, operation: "forget", key: key)
        }
    }
}
