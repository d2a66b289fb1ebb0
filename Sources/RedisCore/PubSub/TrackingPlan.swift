/// Which prefixes a connection asks the server to track, so that every wanted one is covered and none overlap.
///
/// Pure. Redis refuses prefixes of which one begins with another.
struct TrackingPlan: Sendable, Equatable {
    /// Shortest first, so that what covers others comes before them.
    private(set) var prefixes: [[UInt8]] = []

    init(_ wanted: some Sequence<[UInt8]>) {
        for prefix in wanted.sorted(by: { $0.count < $1.count }) where !covers(prefix) { prefixes.append(prefix) }
    }

    var isEmpty: Bool { prefixes.isEmpty }

    /// True when every key with this prefix is tracked.
    func covers(_ prefix: [UInt8]) -> Bool { prefixes.contains { prefix.starts(with: $0) } }

    /// True when every key that the other plan tracks is tracked.
    func covers(_ other: TrackingPlan) -> Bool { other.prefixes.allSatisfy(covers) }
}
