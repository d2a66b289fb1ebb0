/// One line of a history: what a process believed or did, on a clock that all processes share.
struct HistoryEvent: Codable, Sendable, Equatable {
    enum Kind: String, Codable, Sendable {
        /// Has the lock from `at`, trusted until `end` unless it is renewed.
        case acquired
        /// Still trusts it at `at`, until `end`.
        case trusted
        /// Learnt at `at`, or before, that it is lost.
        case lost
        /// Stops relying on it at `at`.
        case releasing
        /// Wrote under its fence between `at` and `end`; the resource took it or not.
        case write
    }

    var kind: Kind
    var pid: Int32
    var lease: String
    var fence: Int64
    var at: Int64
    var end: Int64?
    var accepted: Bool?
}

/// Decides whether a history is one of a lock with fencing.
///
/// - At no time do two leases trust that they hold the lock.
/// - The later of two leases has the larger fence.
/// - No write is taken after a write with a larger fence was taken.
struct HistoryChecker {
    struct Violation: Equatable, CustomStringConvertible {
        enum Rule: String { case overlap, fenceOrder, staleWrite, malformed }
        let rule: Rule
        let description: String
    }

    /// When a lease was trusted: from the acquisition to the first of release, loss and the end of the last trust
    /// noted.
    private struct Tenure {
        let lease: String
        let fence: Int64
        let start: Int64
        var trustedUntil: Int64
        var ended: Int64?
        var end: Int64 { min(trustedUntil, ended ?? .max) }
    }

    static func violations(in events: [HistoryEvent]) -> [Violation] {
        var found: [Violation] = []
        let tenures = tenures(of: events, &found)
        found += overlaps(tenures.sorted { $0.start < $1.start })
        found += staleWrites(events)
        return found
    }

    private static func tenures(of events: [HistoryEvent], _ found: inout [Violation]) -> [Tenure] {
        var tenures: [String: Tenure] = [:]
        for event in events.sorted(by: { $0.at < $1.at }) {
            switch (event.kind, event.end) {
            case (.acquired, let end?):
                guard tenures[event.lease] == nil else {
                    found.append(Violation(rule: .malformed, description: "\(event.lease) was acquired twice"))
                    continue
                }
                tenures[event.lease] = Tenure(
                    lease: event.lease, fence: event.fence, start: event.at, trustedUntil: end)
            case (.trusted, let end?):
                guard let tenure = tenures[event.lease] else { continue }
                if let ended = tenure.ended, event.at > ended {
                    found.append(Violation(rule: .malformed, description: "\(event.lease) was trusted after its end"))
                }
                tenures[event.lease]?.trustedUntil = end
            case (.lost, _), (.releasing, _):
                guard let tenure = tenures[event.lease] else { continue }
                tenures[event.lease]?.ended = min(tenure.ended ?? .max, event.at)
            case (.write, _): break
            case (.acquired, nil), (.trusted, nil):
                found.append(Violation(rule: .malformed, description: "\(event.kind) of \(event.lease) has no end"))
            }
        }
        return Array(tenures.values)
    }

    private static func overlaps(_ tenures: [Tenure]) -> [Violation] {
        var found: [Violation] = []
        var latest: Tenure?
        for tenure in tenures {
            if let earlier = latest {
                if tenure.start < earlier.end {
                    let time = earlier.end - tenure.start
                    found.append(
                        Violation(
                            rule: .overlap,
                            description: "\(earlier.fence) and \(tenure.fence) were trusted together for \(time) ns"))
                }
                if tenure.fence <= earlier.fence {
                    found.append(
                        Violation(rule: .fenceOrder, description: "fence \(tenure.fence) came after \(earlier.fence)"))
                }
            }
            // The one that ends last is the one a later start can still overlap with.
            if latest.map({ tenure.end >= $0.end }) ?? true { latest = tenure }
        }
        return found
    }

    /// By real time: only a write that began after another had ended is certain to have come later.
    private static func staleWrites(_ events: [HistoryEvent]) -> [Violation] {
        let taken = events.filter { $0.kind == .write && $0.accepted == true }
        let byEnd = taken.sorted { ($0.end ?? .max) < ($1.end ?? .max) }
        var found: [Violation] = []
        var index = 0
        var largest: Int64 = .min
        for write in taken.sorted(by: { $0.at < $1.at }) {
            while index < byEnd.count, let end = byEnd[index].end, end < write.at {
                largest = max(largest, byEnd[index].fence)
                index += 1
            }
            if write.fence < largest {
                found.append(
                    Violation(
                        rule: .staleWrite, description: "a write with fence \(write.fence) was taken after \(largest)"))
            }
        }
        return found
    }
}
