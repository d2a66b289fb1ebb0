import RedisCore

/// Invalidations that Redis did not take yet: one for each thing, the last one counts; pure.
///
/// Beyond its capacity they become one, of everything: what waits is bounded, and nothing is forgotten.
struct InvalidationQueue: Sendable {
    struct Waiting: Sendable, Equatable {
        let what: Invalidation
        /// When whatever was cached has expired.
        let until: Moment
    }

    enum Change: Sendable, Equatable {
        case queued
        /// They were too many.
        case widened
    }

    private let capacity: Int
    private var waiting: [Invalidation: Moment] = [:]

    init(capacity: Int) { self.capacity = max(1, capacity) }

    var count: Int { waiting.count }

    mutating func add(_ what: Invalidation, until: Moment) -> Change {
        if waiting[.everything] != nil {
            // It is within everything.
            note(.everything, until)
            return .queued
        }
        note(what, until)
        if what == .everything || waiting.count > capacity {
            let last = waiting.values.max() ?? until
            waiting = [.everything: last]
            return what == .everything ? .queued : .widened
        }
        return .queued
    }

    private mutating func note(_ what: Invalidation, _ until: Moment) {
        waiting[what] = max(waiting[what] ?? until, until)
    }

    /// All that waits and is still of use; how many were given up.
    mutating func take(_ now: Moment) -> (batch: [Waiting], abandoned: Int) {
        let batch = waiting.filter { $0.value > now }.map { Waiting(what: $0.key, until: $0.value) }
        defer { waiting = [:] }
        return (batch, waiting.count - batch.count)
    }

    /// They could not be sent: they wait on, unless a later one of the same thing is there.
    mutating func putBack(_ batch: [Waiting]) -> Change {
        batch.reduce(.queued) { add($1.what, until: $1.until) == .widened ? .widened : $0 }
    }
}
