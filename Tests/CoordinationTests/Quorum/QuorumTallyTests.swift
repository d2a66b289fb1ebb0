import Testing

@testable import Coordination

@Suite struct QuorumTallyTests {
    private func verdict(_ nodes: Int, _ replies: [Int64?]) -> QuorumTally.Verdict {
        var tally = QuorumTally(nodes: nodes)
        for reply in replies { tally.add(reply) }
        return tally.verdict
    }

    @Test(arguments: [(3, 2), (4, 3), (5, 3), (7, 4)])
    func `a majority is more than half`(nodes: Int, needed: Int) {
        #expect(QuorumTally(nodes: nodes).needed == needed)
    }

    @Test func `it is decided as soon as nothing can change it`() {
        #expect(verdict(3, [1]) == .open)
        #expect(verdict(3, [1, 1]) == .yes)
        #expect(verdict(3, [0, 0]) == .no(taken: false))
        #expect(verdict(3, [0, -5]) == .no(taken: true))
        #expect(verdict(3, [1, 0]) == .open)
        #expect(verdict(3, [nil, nil]) == .unknown)
        #expect(verdict(3, [1, 0, nil]) == .unknown)
        #expect(verdict(5, [nil, nil, 1, 1]) == .open)
        #expect(verdict(5, [nil, nil, 1, 1, 1]) == .yes)
        #expect(verdict(4, [1, 1, 0, 0]) == .no(taken: false))
    }

    /// Every set of answers of three to five servers, in every order of arrival up to the verdict.
    @Test(arguments: 3...5)
    func `the verdict is that of all answers, whatever their order`(nodes: Int) {
        let answers: [Int64?] = [1, 0, -1, nil]
        for code in 0..<(1 << (2 * nodes)) {
            let replies = (0..<nodes).map { answers[(code >> (2 * $0)) & 3] }
            let yes = replies.count { ($0 ?? 0) > 0 }
            let no = replies.count { $0.map { $0 <= 0 } ?? false }
            var tally = QuorumTally(nodes: nodes)
            for reply in replies where tally.verdict == .open { tally.add(reply) }
            switch tally.verdict {
            case .open: Issue.record("\(replies) decided nothing")
            case .yes: #expect(yes >= tally.needed)
            case .no: #expect(no > nodes - tally.needed)
            case .unknown: #expect(yes < tally.needed && no <= nodes - tally.needed)
            }
        }
    }
}
