/// A member of a board with its place.
public struct LeaderboardEntry<Member: Sendable>: Sendable {
    /// Who.
    public let member: Member
    /// Its score.
    public let score: Double
    /// Its place, 1 for the best; equals share one under ``LeaderboardOptions/Ranking/standard``.
    public let rank: Int
}

extension LeaderboardEntry: Equatable where Member: Equatable {}
extension LeaderboardEntry: Hashable where Member: Hashable {}

/// Where a member stands, all read in one moment.
public struct LeaderboardStanding: Sendable, Hashable {
    /// Its place, 1 for the best; equals share one under ``LeaderboardOptions/Ranking/standard``.
    public let rank: Int
    /// Its score.
    public let score: Double
    /// How many are on the board.
    public let total: Int
}

/// What a change of a score did.
public struct LeaderboardUpdate: Sendable, Hashable {
    /// The score that stands after it; nil when the member is not among the best that are kept.
    public let score: Double?
    /// Whether the member got a score, or another one, even if it was cut off then.
    ///
    /// When a reply was lost and the call repeated it may be false although it did.
    public let changed: Bool
}

/// Several members from the best on, read in one moment, and the places they have: pure.
struct LeaderboardPage<Member: Sendable>: Sendable {
    /// Position of the first one, 0 for the best.
    let first: Int
    /// How many have a better score than the first one.
    let better: Int
    let members: [(member: Member, score: Double)]

    func entries(_ ranking: LeaderboardOptions.Ranking) -> [LeaderboardEntry<Member>] {
        var entries: [LeaderboardEntry<Member>] = []
        entries.reserveCapacity(members.count)
        for (index, one) in members.enumerated() {
            let rank: Int
            switch ranking {
            case .ordinal: rank = first + index + 1
            case .standard:
                // Equals of the first one may stand before it, on an earlier page.
                if index == 0 {
                    rank = better + 1
                } else {
                    rank = one.score == members[index - 1].score ? entries[index - 1].rank : first + index + 1
                }
            }
            entries.append(LeaderboardEntry(member: one.member, score: one.score, rank: rank))
        }
        return entries
    }
}
