/// What the end of a run leaves in the task's record, and for how long.
struct OnceEnding: Sendable, Hashable {
    /// How long a remembered outcome is kept: also how long the record outlives a lease that lapsed.
    let retention: LeaseTime
    /// Whether that time counts from the claim, and not from the run's end.
    let countsFromClaim: Bool
    /// Whether a run that succeeded frees the task at once.
    let freesAtCompletion: Bool

    /// A result, or that there is none, is kept for a time from the end.
    static func keep(_ time: Duration) throws(CoordinationError) -> OnceEnding {
        OnceEnding(
            retention: try LeaseTime(time, "the retention", operation: "once"), countsFromClaim: false,
            freesAtCompletion: false)
    }

    init(retention: LeaseTime, countsFromClaim: Bool, freesAtCompletion: Bool) {
        self.retention = retention
        self.countsFromClaim = countsFromClaim
        self.freesAtCompletion = freesAtCompletion
    }

    init(_ mode: TaskCoordinator.Mode, _ onFailure: TaskCoordinator.FailurePolicy) throws(CoordinationError) {
        switch mode {
        case .untilFinished:
            guard onFailure == .release else {
                throw CoordinationError(
                    .invalidArgument, operation: "dedupe",
                    message: "a failure cannot be remembered until the run is finished; use throttle with a window")
            }
            self.init(
                retention: try LeaseTime(.milliseconds(OnceScripts.linger), "the retention", operation: "dedupe"),
                countsFromClaim: false, freesAtCompletion: true)
        case .throttle(let window, let releaseOn):
            self.init(
                retention: try LeaseTime(window, "the window", operation: "dedupe"), countsFromClaim: true,
                freesAtCompletion: releaseOn == .completion)
        }
    }

    /// What a success leaves: the record's state, how long it is kept, and whether from the claim.
    var success: (state: String, keep: Int64, fromClaim: Bool) {
        freesAtCompletion
            ? ("freed", OnceScripts.linger, false) : ("done", retention.milliseconds, countsFromClaim)
    }

    /// What a failure leaves that is to be remembered.
    var failure: (state: String, keep: Int64, fromClaim: Bool) {
        ("failed", retention.milliseconds, countsFromClaim)
    }
}
