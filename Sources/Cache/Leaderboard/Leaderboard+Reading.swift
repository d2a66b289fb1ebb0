import FoundationEssentials
import RedisCore

extension Leaderboard {
    /// The best, with their places; `offset` skips the first ones, for pages.
    ///
    /// Pages are read at different moments: who moves between them may be seen twice or not at all.
    ///
    /// - Parameters:
    ///   - count: 1 to 10,000.
    ///   - offset: 0 or more.
    public func top(_ count: Int, offset: Int = 0) async throws -> [LeaderboardEntry<Member>] {
        try check(count, offset, "top")
        return try await page(["top", offset, count], "top")
    }

    /// The worst, the last one first, with their places; parameters as ``top(_:offset:)``.
    public func bottom(_ count: Int, offset: Int = 0) async throws -> [LeaderboardEntry<Member>] {
        try check(count, offset, "bottom")
        return try await page(["bottom", offset, count], "bottom").reversed()
    }

    /// A member and who stands next to it, the best first; empty when it is not on the board.
    ///
    /// - Parameters:
    ///   - above: How many better ones at most, 0 to 5,000.
    ///   - below: How many worse ones at most, 0 to 5,000.
    public func around(
        _ member: Member, above: Int = 2, below: Int = 2
    ) async throws -> [LeaderboardEntry<Member>] {
        try check("around")
        guard (0...5_000).contains(above), (0...5_000).contains(below) else {
            throw CacheError(
                .invalidArgument, operation: "around",
                message: "\(above) above and \(below) below were asked for; give 0 to 5,000 each")
        }
        return try await page(["around", above, below, try bytes(of: member, "around")], "around")
    }

    /// The best of the last windows together, this one included, with their places.
    ///
    /// The first call adds the windows up on the server, which takes time in proportion to their members; the sum is
    /// kept for `maxAge`, and calls with the same parameters read it until then.
    ///
    /// - Parameters:
    ///   - windows: How many, with the current one: 1 to as many as the period keeps, and one.
    ///   - aggregate: What stands for a member that is in several of them.
    ///   - maxAge: How old the answer may be, 1 ms to 24 hours.
    public func topOfLast(
        _ windows: Int, _ count: Int, offset: Int = 0, aggregate: LeaderboardAggregate = .sum,
        maxAge: Duration = .seconds(10)
    ) async throws -> [LeaderboardEntry<Member>] {
        try check(count, offset, "topOfLast")
        let union = try union(windows, aggregate, maxAge)
        let period = options.period
        let answer = try await run(LeaderboardScripts.union, "topOfLast") { window in
            guard let window else { throw noWindows }
            let all = (0..<windows).compactMap { LeaderboardWindow(at: window.start, earlier: $0, of: period) }
            return (
                [keys.union(name, union, upTo: window)] + all.map { keys.board(name, $0) },
                current(window) + [options.order.rawValue, "top", offset, count, "", aggregate.rawValue]
                    + [union.milliseconds]
            )
        }
        return try entries(answer, "topOfLast")
    }

    private func union(
        _ windows: Int, _ aggregate: LeaderboardAggregate, _ maxAge: Duration
    ) throws(CacheError) -> LeaderboardUnion {
        guard options.period != .allTime else { throw noWindows }
        guard (1...options.period.keep - windowsAgo + 1).contains(windows) else {
            throw CacheError(
                .invalidArgument, operation: "topOfLast",
                message: "\(windows) windows were asked for; give 1 to \(options.period.keep - windowsAgo + 1)")
        }
        guard maxAge <= .seconds(86_400) else {
            throw CacheError(
                .invalidArgument, operation: "topOfLast", message: "the greatest age is \(maxAge); give up to a day")
        }
        let milliseconds = try maxAge.cacheMilliseconds("the greatest age", operation: "topOfLast")
        return LeaderboardUnion(windows: windows, aggregate: aggregate, milliseconds: milliseconds)
    }

    private var noWindows: CacheError {
        CacheError(
            .invalidArgument, operation: "topOfLast",
            message: "\(name) has no windows; make it with a period of a day, a week or a month")
    }

    /// A member's place, score and the number of members, of one moment; nil when it is not on the board.
    public func standing(of member: Member) async throws -> LeaderboardStanding? {
        try check("standing")
        let bytes = try bytes(of: member, "standing")
        let answer = try await run(LeaderboardScripts.standing, "standing") { window in
            ([keys.board(name, window)], current(window) + [options.order.rawValue, bytes])
        }
        guard answer.count == 4 else { return nil }
        guard let score = try score(answer[3], "standing") else { throw unreadable("standing") }
        let before = try integer(options.ranking == .ordinal ? answer[1] : answer[2], "standing")
        return LeaderboardStanding(rank: before + 1, score: score, total: try integer(answer[0], "standing"))
    }

    /// A member's place, 1 for the best; nil when it is not on the board.
    public func rank(of member: Member) async throws -> Int? { try await standing(of: member)?.rank }

    /// A member's score; nil when it is not on the board.
    public func score(of member: Member) async throws -> Double? { try await scores(of: [member])[0] }

    /// Several members' scores, in their order, nil for those who are not on the board; up to 1,000.
    public func scores(of members: [Member]) async throws -> [Double?] {
        guard !members.isEmpty else { return [] }
        try check(members.count, "scores")
        let texts = try members.map { try bytes(of: $0, "scores") }
        let answer = try await run(LeaderboardScripts.scores, "scores") { window in
            ([keys.board(name, window)], current(window) + texts)
        }
        guard answer.count == members.count else { throw unreadable("scores") }
        return try answer.map { try score($0, "scores") }
    }

    /// How many members have a score in this range, its ends included; all of them without one.
    public func count(in scores: ClosedRange<Double> = -.infinity ... .infinity) async throws -> Int {
        try check("count")
        let answer = try await run(LeaderboardScripts.count, "count") { window in
            ([keys.board(name, window)], current(window) + [scores.lowerBound, scores.upperBound])
        }
        return try integer(answer.first, "count")
    }

    private func page(
        _ arguments: [any RedisArgument], _ operation: String
    ) async throws -> [LeaderboardEntry<Member>] {
        let answer = try await run(LeaderboardScripts.page, operation) { window in
            ([keys.board(name, window)], current(window) + [options.order.rawValue] + arguments)
        }
        return try entries(answer, operation)
    }

    private func check(_ count: Int, _ offset: Int, _ operation: String) throws(CacheError) {
        try check(operation)
        guard (1...10_000).contains(count), offset >= 0 else {
            throw CacheError(
                .invalidArgument, operation: operation,
                message: "\(count) members from \(offset) on were asked for; give 1 to 10,000, from 0 on")
        }
    }
}

/// What stands for a member that is in several windows.
public enum LeaderboardAggregate: String, Sendable, Hashable {
    /// Its scores together.
    case sum = "SUM"
    /// Its highest score.
    case highest = "MAX"
    /// Its lowest score.
    case lowest = "MIN"
}

/// A sum of windows, as its key tells it from others.
struct LeaderboardUnion: Sendable, Hashable {
    let windows: Int
    let aggregate: LeaderboardAggregate
    /// How long it is kept.
    let milliseconds: Int64
}
