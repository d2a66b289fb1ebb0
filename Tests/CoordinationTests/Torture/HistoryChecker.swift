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
    /// True for a reader.
    var shared: Bool?
}

/// Decides whether a history is one of a given kind of lock.
struct HistoryChecker {
    /// What may be held together, and what fences have to say about it.
    enum Model: Sendable, Equatable {
        /// At no time do two leases trust that they hold the lock.
        case mutex
        /// Besides: the later of two leases has the larger fence, and no write is taken after a write with a larger
        /// fence was taken.
        case fencedMutex
        /// A writer excludes everybody, readers exclude writers only; writers are fenced as above; a reader's fence is
        /// at least that of every writer before it and less than that of every writer after it.
        case readWrite
        /// At no time do more leases than there are permits trust that they hold one.
        case semaphore(permits: Int)
    }

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
        let shared: Bool
        let start: Int64
        var trustedUntil: Int64
        var ended: Int64?
        var end: Int64 { min(trustedUntil, ended ?? .max) }
    }

    static func violations(in events: [HistoryEvent], of model: Model = .fencedMutex) -> [Violation] {
        var found: [Violation] = []
        let tenures = tenures(of: events, &found).sorted { $0.start < $1.start }
        switch model {
        case .mutex: found += overlaps(tenures, capacity: 1) { _ in 1 }
        case .fencedMutex:
            found += overlaps(tenures, capacity: 1) { _ in 1 }
            found += fenceOrder(tenures)
            found += staleWrites(events)
        case .readWrite:
            // A writer takes all the room there is.
            let room = tenures.count + 1
            found += overlaps(tenures, capacity: room) { $0.shared ? 1 : room }
            found += fenceOrder(tenures.filter { !$0.shared })
            found += readerFences(tenures)
            found += staleWrites(events)
        case .semaphore(let permits): found += overlaps(tenures, capacity: permits) { _ in 1 }
        }
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
                    lease: event.lease, fence: event.fence, shared: event.shared ?? false, start: event.at,
                    trustedUntil: end)
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

    /// Looks at each start whether there is room beside those that are still trusted.
    private static func overlaps(
        _ tenures: [Tenure], capacity: Int, weight: (Tenure) -> Int
    ) -> [Violation] {
        var found: [Violation] = []
        var present: [Tenure] = []
        for tenure in tenures {
            present.removeAll { $0.end <= tenure.start }
            if present.reduce(weight(tenure), { $0 + weight($1) }) > capacity {
                let others = present.map { "\($0.fence)" }.joined(separator: ", ")
                let time = (present.map(\.end).max() ?? tenure.start) - tenure.start
                found.append(
                    Violation(
                        rule: .overlap,
                        description: "\(others) and \(tenure.fence) were trusted together for \(time) ns"))
            }
            present.append(tenure)
        }
        return found
    }

    private static func fenceOrder(_ tenures: [Tenure]) -> [Violation] {
        var found: [Violation] = []
        var largest: Int64 = .min
        for tenure in tenures {
            if tenure.fence <= largest {
                found.append(
                    Violation(rule: .fenceOrder, description: "fence \(tenure.fence) came after \(largest)"))
            }
            largest = max(largest, tenure.fence)
        }
        return found
    }

    private static func readerFences(_ tenures: [Tenure]) -> [Violation] {
        var found: [Violation] = []
        var lastWriter: Int64 = .min
        var lastReader: Int64 = .min
        for tenure in tenures {
            let isWrong = tenure.shared ? tenure.fence < lastWriter : tenure.fence <= lastReader
            if isWrong {
                let other = tenure.shared ? lastWriter : lastReader
                found.append(
                    Violation(
                        rule: .fenceOrder,
                        description:
                            "a \(tenure.shared ? "reader" : "writer") with fence \(tenure.fence) came after \(other)"
                    ))
            }
            if tenure.shared {
                lastReader = max(lastReader, tenure.fence)
            } else {
                lastWriter = max(lastWriter, tenure.fence)
            }
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
