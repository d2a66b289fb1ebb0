import Metrics

extension TaskCoordinator {
    /// How a call of ``debounce(_:payload:order:quiet:maxWait:lease:followers:_:)`` ended.
    public enum Debounced<T: Sendable>: Sendable {
        /// This caller ran it, with the newest payload.
        ///
        /// `takenOver` when an earlier owner's lease had lapsed before it finished.
        case executed(T, takenOver: Bool)
        /// A newer call took this one's place.
        case superseded
    }

    /// Runs `body` once for a burst of calls in the whole fleet: after `quiet` without a further call, with the newest
    /// payload.
    ///
    /// Each call replaces the pending one and starts the quiet time again; the caller of the newest one runs it. Runs
    /// of one id never overlap: one that comes due while another still runs waits for its end (and asks twice a
    /// second).
    ///
    /// When the newest caller dies, or is cancelled, before its run: another that waits (`followers: .wait`) takes the
    /// run over 5 s after it was due; with `.skip` nobody does, and the payload is forgotten after ten minutes. When it
    /// dies during its run, a waiting one takes over when its lease lapses: **at least once**. A body that throws is
    /// not tried again; its caller gets the error.
    ///
    /// Two round trips for a call that is superseded, three for one that runs.
    ///
    /// - Parameters:
    ///   - id: 1 to 1,024 bytes; do not use it with `once` or `dedupe` too.
    ///   - payload: What the run is about, stored as JSON, at most `longestResult` bytes.
    ///   - order: The call's place among all, below 2^53: the largest is the newest, and one that was run, or a smaller
    ///     one, within the last minute is superseded at once. Give it where the same call comes from several processes,
    ///     or calls may overtake each other. nil for the order of arrival.
    ///   - quiet: 1 ms to ten years without a further call.
    ///   - maxWait: The longest time from a burst's first call to the run, at least `quiet`; nil for no limit.
    ///   - lease: 1 ms to ten years; how long the run stays claimed after its owner died.
    ///   - followers: Whether a superseded call returns at the end of its own quiet time, or waits for the run's end.
    ///   - body: Gets the newest payload, which after a takeover is another caller's, and the lease.
    /// - Throws: what the body throws; `lockLost`, `taskInProgress` when a follower's wait is over, `unavailable`,
    ///   `invalidArgument`, also for a payload that is too long or no JSON; `CancellationError`.
    public func debounce<Payload: Codable & Sendable, T: Sendable>(
        _ id: String, payload: Payload, order: Int64? = nil, quiet: Duration, maxWait: Duration? = nil,
        lease: Duration = .seconds(30),
        followers: Followers = .skip, _ body: @escaping @Sendable (Payload, Lease) async throws -> T
    ) async throws -> Debounced<T> {
        let time = try LeaseTime(quiet, "the quiet time", operation: "debounce")
        let most = try maxWait.map { limit throws(CoordinationError) in
            try LeaseTime(limit, "the longest wait", operation: "debounce")
        }
        if let most, most.milliseconds < time.milliseconds {
            throw CoordinationError(
                .invalidArgument, operation: "debounce", key: id,
                message: "the longest wait is \(most.duration); it must not be below the quiet time of \(quiet)")
        }
        let request = try OnceRequest(self, id, lease: lease, ending: OnceEnding(.untilFinished, .release))
        let json: [UInt8]
        do {
            json = try request.encode(payload)
        } catch {
            throw CoordinationError(
                .invalidArgument, operation: "debounce", key: id,
                message: "the payload cannot be stored: it is no JSON, or longer than \(longestResult) bytes",
                underlying: error)
        }
        let waiting = try DebounceWait(request, pending: try keys.pending(id), followers)
        switch try await waiting.turn(json, order: order, quiet: time, most: most) {
        case .superseded:
            engine.metrics.onceSkipped.increment()
            return .superseded
        case .run(let held, let takenOver, let bytes):
            let run = OnceRun(request, held, takenOver: takenOver, onFailure: .release, isDebounced: true)
            let value = try await run.run(
                { lease in try await body(request.decode(bytes), lease) }, encode: { _ in nil })
            return .executed(value, takenOver: takenOver)
        }
    }
}
