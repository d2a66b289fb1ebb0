/// One line of a history of permits: what a process believed, on a clock that all processes share.
struct PermitEvent: Codable, Sendable, Equatable {
    enum Kind: String, Codable, Sendable {
        /// Has its permits from `at`, trusted until `end` unless they are renewed.
        case acquired
        /// Still trusts them at `at`, until `end`.
        case trusted
        /// Learnt at `at`, or before, that they are lost.
        case lost
        /// Stops relying on them at `at`.
        case releasing
    }

    var kind: Kind
    var lease: String
    var fence: Int64
    var permits: Int
    var at: Int64
    var end: Int64?
}

/// Decides whether a history is one of a semaphore: the model's state is the number of permits that are trusted, and at
/// no time is it above the limit.
///
/// With limit 1 this is the model of an election, and the fences must grow from tenure to tenure.
enum PermitHistory {
    /// When permits were trusted: from the acquisition to the first of release, loss and the end of the last trust
    /// noted.
    private struct Tenure {
        let fence: Int64
        let permits: Int
        let start: Int64
        var trustedUntil: Int64
        var ended: Int64?
        var end: Int64 { min(trustedUntil, ended ?? .max) }
    }

    static func violations(in events: [PermitEvent], limit: Int) -> [String] {
        var found: [String] = []
        let tenures = tenures(of: events, &found)
        found += excess(tenures, limit)
        let fences = tenures.map(\.fence)
        if Set(fences).count != fences.count { found.append("a fence was given twice") }
        if limit == 1 {
            let inOrder = tenures.sorted { $0.start < $1.start }.map(\.fence)
            if inOrder != inOrder.sorted() { found.append("fences do not grow: \(inOrder)") }
        }
        return found
    }

    private static func tenures(of events: [PermitEvent], _ found: inout [String]) -> [Tenure] {
        var tenures: [String: Tenure] = [:]
        for event in events.sorted(by: { $0.at < $1.at }) {
            switch (event.kind, event.end) {
            case (.acquired, let end?):
                if tenures[event.lease] != nil { found.append("\(event.lease) was acquired twice") }
                tenures[event.lease] = Tenure(
                    fence: event.fence, permits: event.permits, start: event.at, trustedUntil: end)
            case (.trusted, let end?):
                if let ended = tenures[event.lease]?.ended, event.at > ended {
                    found.append("\(event.lease) was trusted after its end")
                }
                tenures[event.lease]?.trustedUntil = end
            case (.lost, _), (.releasing, _):
                let known = tenures[event.lease]?.ended
                tenures[event.lease]?.ended = min(known ?? .max, event.at)
            case (.acquired, nil), (.trusted, nil): found.append("\(event.kind) of \(event.lease) has no end")
            }
        }
        return Array(tenures.values)
    }

    /// Walks along the clock; an end at the instant of a start comes first.
    private static func excess(_ tenures: [Tenure], _ limit: Int) -> [String] {
        let steps = tenures.filter { $0.start < $0.end }
            .flatMap { [(at: $0.start, change: $0.permits), (at: $0.end, change: -$0.permits)] }
            .sorted { ($0.at, $0.change) < ($1.at, $1.change) }
        var taken = 0
        var found: [String] = []
        for step in steps {
            taken += step.change
            if taken > limit, step.change > 0 {
                found.append("\(taken) permits of \(limit) were trusted at \(step.at)")
            }
        }
        return found
    }
}
