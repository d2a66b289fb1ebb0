import Metrics

/// What locks and guarded tasks count, under fixed labels: names of locks are never labels.
struct CoordinationMetrics: Sendable {
    static let shared = CoordinationMetrics()

    let acquired = Counter(label: "lock.acquired")
    let contended = Counter(label: "lock.contended")
    let lost = Counter(label: "lock.lost")
    let renewalsFailed = Counter(label: "lock.renewals.failed")
    let renewalsLate = Counter(label: "lock.renewals.late")
    let releasesFailed = Counter(label: "lock.releases.failed")
    let wait = Timer(label: "lock.wait")
    let onceExecuted = Counter(label: "once.executed")
    let onceSkipped = Counter(label: "once.skipped")
    let onceTakenOver = Counter(label: "once.taken_over")
    let onceFailed = Counter(label: "once.failed")
}
