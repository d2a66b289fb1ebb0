/// Counts what independent servers answered to one question: a pure value.
struct QuorumTally: Sendable {
    enum Verdict: Sendable, Equatable {
        /// Not decided yet.
        case open
        /// A majority said yes.
        case yes
        /// So many said no that no majority is left, whatever the silent ones think; true when one of them has another
        /// holder.
        case no(taken: Bool)
        /// Too many are silent to tell.
        case unknown
    }

    private let nodes: Int
    private var yes = 0
    private var absent = 0
    private var other = 0
    private var silent = 0

    init(nodes: Int) { self.nodes = nodes }

    /// How many make a majority.
    var needed: Int { nodes / 2 + 1 }

    /// One server's answer as the scripts give it: above zero for yes, zero for "nobody's", below for "another's".
    ///
    /// nil when it gave none.
    mutating func add(_ reply: Int64?) {
        switch reply {
        case nil: silent += 1
        case 0: absent += 1
        case .some(let reply): if reply > 0 { yes += 1 } else { other += 1 }
        }
    }

    var verdict: Verdict {
        if yes >= needed { return .yes }
        if absent + other > nodes - needed { return .no(taken: other > 0) }
        let outstanding = nodes - yes - absent - other - silent
        return yes + outstanding < needed && absent + other + outstanding <= nodes - needed ? .unknown : .open
    }
}
