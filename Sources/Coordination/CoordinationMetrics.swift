import Metrics

/// What locks, guarded tasks and limiters count, under fixed labels: names of locks and keys are never labels.
struct CoordinationMetrics: Sendable {
    static let shared = CoordinationMetrics()

    let acquired = Counter(label: "lock.acquired")
    let contended = Counter(label: "lock.contended")
    let lost = Counter(label: "lock.lost")
    let forced = Counter(label: "lock.forced")
    let renewalsFailed = Counter(label: "lock.renewals.failed")
    let renewalsLate = Counter(label: "lock.renewals.late")
    let releasesFailed = Counter(label: "lock.releases.failed")
    let wait = Timer(label: "lock.wait")
    let onceExecuted = Counter(label: "once.executed")
    let onceSkipped = Counter(label: "once.skipped")
    let onceTakenOver = Counter(label: "once.taken_over")
    let onceFailed = Counter(label: "once.failed")
    let limitAllowed = Counter(label: "limit.allowed")
    let limitDenied = Counter(label: "limit.denied")
    let limitDeniedLocally = Counter(label: "limit.denied.locally")
    let limitFailures = Counter(label: "limit.failures")
    let limitConflicts = Counter(label: "limit.conflicts")
}
