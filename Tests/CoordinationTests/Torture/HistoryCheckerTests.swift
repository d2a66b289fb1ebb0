import Testing

/// The checker itself: it has to find what it is there to find.
@Suite struct HistoryCheckerTests {
    private func event(
        _ kind: HistoryEvent.Kind, _ lease: String, _ fence: Int64, _ at: Int64, _ end: Int64? = nil,
        accepted: Bool? = nil, shared: Bool? = nil
    ) -> HistoryEvent {
        HistoryEvent(
            kind: kind, pid: 1, lease: lease, fence: fence, at: at, end: end, accepted: accepted, shared: shared)
    }

    private func rules(
        _ events: [HistoryEvent], of model: HistoryChecker.Model = .fencedMutex
    ) -> [HistoryChecker.Violation.Rule] {
        HistoryChecker.violations(in: events, of: model).map(\.rule)
    }

    @Test func `a mutex without fences looks at time alone`() {
        let events = [event(.acquired, "a", 5, 0, 10), event(.acquired, "b", 4, 20, 30)]
        #expect(rules(events, of: .mutex) == [])
        #expect(rules([event(.acquired, "a", 0, 0, 10), event(.acquired, "b", 0, 9, 30)], of: .mutex) == [.overlap])
    }

    @Test func `readers may meet, a writer may meet nobody`() {
        let readers = [
            event(.acquired, "a", 1, 0, 100, shared: true), event(.acquired, "b", 1, 50, 150, shared: true),
        ]
        #expect(rules(readers, of: .readWrite) == [])
        #expect(rules(readers + [event(.acquired, "w", 2, 149, 300)], of: .readWrite) == [.overlap])
        #expect(rules(readers + [event(.acquired, "w", 2, 150, 300)], of: .readWrite) == [])
        let writer = event(.acquired, "w", 1, 0, 100)
        #expect(rules([writer, event(.acquired, "a", 1, 99, 150, shared: true)], of: .readWrite) == [.overlap])
        #expect(rules([writer, event(.acquired, "x", 2, 99, 150)], of: .readWrite) == [.overlap])
    }

    @Test func `a reader's fence lies between those of the writers around it`() {
        let writer = event(.acquired, "w", 5, 0, 10)
        #expect(rules([writer, event(.acquired, "a", 5, 20, 30, shared: true)], of: .readWrite) == [])
        #expect(rules([writer, event(.acquired, "a", 4, 20, 30, shared: true)], of: .readWrite) == [.fenceOrder])
        let reader = event(.acquired, "a", 5, 0, 10, shared: true)
        #expect(rules([reader, event(.acquired, "w", 5, 20, 30)], of: .readWrite) == [.fenceOrder])
        #expect(rules([reader, event(.acquired, "w", 6, 20, 30)], of: .readWrite) == [])
    }

    @Test func `a semaphore has room for as many as it has permits`() {
        let events = (0..<3).map { event(.acquired, "l\($0)", 0, Int64($0), 100) }
        #expect(rules(events, of: .semaphore(permits: 3)) == [])
        #expect(rules(events, of: .semaphore(permits: 2)) == [.overlap])
        #expect(rules(events + [event(.acquired, "d", 0, 100, 200)], of: .semaphore(permits: 3)) == [])
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
