import Testing

/// The checker itself: it has to find what it is there to find.
@Suite struct PermitHistoryTests {
    private func event(
        _ kind: PermitEvent.Kind, _ lease: String, _ fence: Int64, _ at: Int64, _ end: Int64? = nil, permits: Int = 1
    ) -> PermitEvent {
        PermitEvent(kind: kind, lease: lease, fence: fence, permits: permits, at: at, end: end)
    }

    @Test func `as many as the limit at a time are fine`() {
        let events = [
            event(.acquired, "a", 1, 0, 100), event(.acquired, "b", 2, 10, 100), event(.releasing, "a", 1, 50),
            event(.acquired, "c", 3, 50, 150), event(.trusted, "c", 3, 100, 200), event(.acquired, "d", 4, 100, 200),
        ]
        #expect(PermitHistory.violations(in: events, limit: 2) == [])
    }

    @Test func `one too many is found, also by weight, and only while it is trusted`() {
        let events = [event(.acquired, "a", 1, 0, 100), event(.acquired, "b", 2, 10, 100, permits: 2)]
        #expect(PermitHistory.violations(in: events, limit: 3) == [])
        #expect(PermitHistory.violations(in: events, limit: 2).count == 1)
        let lost = events + [event(.lost, "a", 1, 5)]
        #expect(PermitHistory.violations(in: lost, limit: 2) == [])
    }

    @Test func `a fence twice, fences that do not grow, and trust after the end are found`() {
        let twice = [event(.acquired, "a", 1, 0, 5), event(.acquired, "b", 1, 10, 15)]
        #expect(PermitHistory.violations(in: twice, limit: 2).count == 1)
        let shrinking = [event(.acquired, "a", 2, 0, 5), event(.acquired, "b", 1, 10, 15)]
        #expect(PermitHistory.violations(in: shrinking, limit: 2) == [])
        #expect(PermitHistory.violations(in: shrinking, limit: 1).count == 1)
        let late = [
            event(.acquired, "a", 1, 0, 100), event(.releasing, "a", 1, 10), event(.trusted, "a", 1, 20, 100),
        ]
        #expect(PermitHistory.violations(in: late, limit: 1).count == 1)
    }
}
