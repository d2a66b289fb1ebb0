extension TaskCoordinator {
    /// How long a task's duplicates are refused.
    public enum Mode: Sendable, Hashable {
        /// While it runs: the next call after that runs it again.
        case untilFinished
        /// For a fixed window that begins with the claim: the first call in it runs, the others do not.
        ///
        /// A run that takes longer than its window is still one at a time.
        case throttle(Duration, releaseOn: ReleaseOn = .windowEnd)
    }

    /// What ends the refusal of duplicates after a success.
    ///
    /// A failure that is to be remembered (`onFailure: .remember`) holds until the window's end either way; one that is
    /// not frees the task at once.
    public enum ReleaseOn: String, Sendable, Hashable, CaseIterable {
        /// The end of the run.
        case completion
        /// The end of the window, also long after the run.
        case windowEnd
    }

    /// How a call of ``dedupe(_:mode:lease:followers:onFailure:_:)`` ended.
    public enum Deduplicated<T: Sendable>: Sendable {
        /// This caller ran it.
        ///
        /// `takenOver` when an earlier owner's lease had lapsed before it finished.
        case executed(T, takenOver: Bool)
        /// Somebody else has run it: in this window, or while this caller waited.
        case duplicate
        /// Somebody else is at it (only with `followers: .skip`).
        case inProgress(owner: String, leaseLeft: Duration)
    }

    /// Runs `body` unless it is a duplicate; the result stays with its caller.
    ///
    /// For work whose effect counts and not its result. Two round trips for a run, one for a duplicate. An owner that
    /// dies is followed when its lease lapses, whatever the mode: **at least once**. What holds of
    /// ``once(_:lease:keepResult:followers:onFailure:_:)-(_,_,_,_,_,(Lease)->T)`` when replies are lost or Redis
    /// restarts holds here.
    ///
    /// - Parameters:
    ///   - id: 1 to 1,024 bytes; use an id with one mode only.
    ///   - mode: How long duplicates are refused; a window has 1 ms to ten years.
    ///   - lease: 1 ms to ten years; how long a task stays claimed after its owner died.
    ///   - followers: What to do when somebody else is at it. Who waits gets `duplicate` when that run succeeds, and
    ///     runs it itself when it fails or its owner dies.
    ///   - onFailure: What a body that throws leaves behind; `.remember` needs a window.
    /// - Throws: what the body throws; `lockLost`, `taskFailed`, `taskInProgress`, `unavailable`, `invalidArgument`;
    ///   `CancellationError`.
    public func dedupe<T: Sendable>(
        _ id: String, mode: Mode, lease: Duration = .seconds(30), followers: Followers = .skip,
        onFailure: FailurePolicy = .release, _ body: @escaping @Sendable (Lease) async throws -> T
    ) async throws -> Deduplicated<T> {
        let request = try OnceRequest(self, id, lease: lease, ending: OnceEnding(mode, onFailure))
        // A duplicate has no value: an outcome of an optional one carries that.
        let outcome: Outcome<T?> = try await run(
            request, followers, onFailure, { try await body($0) }, encode: { _ in nil }, decode: { _ in nil })
        switch outcome {
        case .executed(let value?, let takenOver): return .executed(value, takenOver: takenOver)
        case .executed(nil, _), .alreadyDone: return .duplicate
        case .inProgress(let owner, let left): return .inProgress(owner: owner, leaseLeft: left)
        }
    }
}
