import Testing

/// The checker itself: it has to find what it is there to find.
@Suite struct HistoryCheckerTests {
    private func event(
        _ kind: HistoryEvent.Kind, _ lease: String, _ fence: Int64, _ at: Int64, _ end: Int64? = nil,
        accepted: Bool? = nil
    ) -> HistoryEvent {
        HistoryEvent(kind: kind, pid: 1, lease: lease, fence: fence, at: at, end: end, accepted: accepted)
    }

    private func rules(_ events: [HistoryEvent]) -> [HistoryChecker.Violation.Rule] {
        HistoryChecker.violations(in: events).map(\.rule)
    }

    @Test func `one after the other is fine`() {
        #expect(
            rules([
                event(.acquired, "a", 1, 0, 100), event(.releasing, "a", 1, 50), event(.acquired, "b", 2, 50, 150),
                event(.trusted, "b", 2, 100, 250), event(.acquired, "c", 3, 250, 300),
            ]) == [])
    }

    @Test func `two that trust at once are found`() {
        #expect(rules([event(.acquired, "a", 1, 0, 100), event(.acquired, "b", 2, 99, 200)]) == [.overlap])
    }

    @Test func `a renewal that trusts into the next one's time is found`() {
        #expect(
            rules([
                event(.acquired, "a", 1, 0, 100), event(.trusted, "a", 1, 90, 190), event(.acquired, "b", 2, 120, 200),
            ]) == [.overlap])
    }

    @Test func `a long one overlaps with all that come within it`() {
        #expect(
            rules([
                event(.acquired, "a", 1, 0, 1_000), event(.acquired, "b", 2, 10, 20), event(.acquired, "c", 3, 30, 40),
            ]) == [.overlap, .overlap])
    }

    @Test func `a loss ends trust early`() {
        #expect(
            rules([
                event(.acquired, "a", 1, 0, 100), event(.lost, "a", 1, 20), event(.acquired, "b", 2, 30, 200),
            ]) == [])
    }

    @Test func `a fence that does not grow is found`() {
        #expect(rules([event(.acquired, "a", 5, 0, 10), event(.acquired, "b", 5, 20, 30)]) == [.fenceOrder])
        #expect(rules([event(.acquired, "a", 5, 0, 10), event(.acquired, "b", 4, 20, 30)]) == [.fenceOrder])
    }

    @Test func `a write with an older fence after one with a newer is found`() {
        #expect(
            rules([event(.write, "b", 2, 0, 10, accepted: true), event(.write, "a", 1, 11, 20, accepted: true)])
                == [.staleWrite])
    }

    @Test func `a refused or a concurrent older write is fine`() {
        #expect(
            rules([
                event(.write, "b", 2, 0, 10, accepted: true), event(.write, "a", 1, 5, 20, accepted: true),
                event(.write, "a", 1, 30, 40, accepted: false),
            ]) == [])
    }

    @Test func `trust after the end, and spans without an end, are malformed`() {
        #expect(
            rules([
                event(.acquired, "a", 1, 0, 100), event(.releasing, "a", 1, 10), event(.trusted, "a", 1, 20, 100),
            ]) == [.malformed])
        #expect(rules([event(.acquired, "a", 1, 0)]) == [.malformed])
    }
}
