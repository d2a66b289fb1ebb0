import FoundationEssentials
public import RedisCore

/// A leaderboard in Redis: who has which score, who is best, who stands around whom.
///
/// ```swift
/// let board = Leaderboard(redis, name: "chess")
/// try await board.increment("ada", by: 25)
/// for entry in try await board.top(10) { print(entry.rank, entry.member, entry.score) }
/// let mine = try await board.standing(of: "ada")
/// ```
///
/// **What it promises.** Every call is one atomic step on the server and one round trip (a board by the day, week or
/// month may need a second one for the first call and where windows meet): places, scores and the total of one answer
/// belong together.
///
/// **When a reply is lost** reads and everything that sets a score are repeated, increments only with a `requestID`:
/// one id counts once for one member within ``LeaderboardOptions/requestMemory``. **When Redis does not answer** every
/// call throws `unavailable`. A restart without persistence, or a failover, may lose the last scores.
///
/// **Scores** are doubles, whole numbers exact up to 2⁵³; what is not finite is refused. **Places** begin with 1.
/// Members with the same score share a place or have one each (``LeaderboardOptions/Ranking``). Among themselves they
/// are listed in the order of their bytes, `highestFirst` backwards (b before a), `lowestFirst` forwards, as Redis
/// does. Dense places (1, 1, 2) are not offered: they need a count of all different scores above.
///
/// **Members** are texts of 1 to 1,024 bytes, stored as they are, or any `Codable` id: a `UUID` as its text, others as
/// JSON. Texts that look alike but differ in their bytes are two members.
///
/// **Windows** (``LeaderboardOptions/period``) are told by the server's clock alone, in UTC. Each is a key of its own,
/// which ends with the last window from which it can be read. A board of all time is one key without an end, as
/// a record of scores is meant to be, unless ``LeaderboardOptions/ttl`` says otherwise. All keys are in one slot.
public struct Leaderboard<Member: Codable & Hashable & Sendable>: Sendable {
    /// Most members of one call.
    static var mostMembers: Int { 1_000 }

    let engine: CacheEngine
    let keys: CacheKeys
    /// The board's name.
    public let name: String
    /// What it was made with.
    public let options: LeaderboardOptions
    /// How many windows before the current one it reads and writes.
    public let windowsAgo: Int

    /// A board of members of a type of your own; nothing is sent.
    ///
    /// - Parameters:
    ///   - name: 1 to 1,024 bytes.
    ///   - members: The type of the ids. Equal ids must be encoded alike.
    ///   - prefix: What the keys begin with; the client's prefix when nil.
    ///   - options: Options that cannot work are thrown as `invalidArgument` by every call.
    public init(
        _ redis: RedisClient, name: String, members: Member.Type, prefix: String? = nil,
        options: LeaderboardOptions = LeaderboardOptions()
    ) {
        let configuration = redis.configuration
        engine = .of(redis)
        keys = CacheKeys(prefix: prefix ?? configuration.prefix, database: configuration.database)
        self.name = name
        self.options = options
        windowsAgo = 0
    }

    private init(_ board: Leaderboard, ago: Int) {
        engine = board.engine
        keys = board.keys
        name = board.name
        options = board.options
        windowsAgo = ago
    }

    /// The board of yesterday, last week or last month, or of one before it.
    ///
    /// - Parameter windows: How many before this one; no more than the period keeps are left.
    public func earlier(by windows: Int = 1) -> Leaderboard { Leaderboard(self, ago: windowsAgo + windows) }

    /// The key in Redis of a board of all time, for tools and other programs.
    public func redisKey() throws -> RedisKey {
        try check("redisKey")
        guard options.period == .allTime else {
            throw CacheError(
                .invalidArgument, operation: "redisKey",
                message: "\(name) has a key for each window, which the server's clock decides")
        }
        return keys.board(name, nil)
    }
}

extension Leaderboard where Member == String {
    /// A board of members that are texts; nothing is sent.
    ///
    /// As ``init(_:name:members:prefix:options:)``.
    public init(
        _ redis: RedisClient, name: String, prefix: String? = nil, options: LeaderboardOptions = LeaderboardOptions()
    ) {
        self.init(redis, name: name, members: String.self, prefix: prefix, options: options)
    }
}

// MARK: - Changing

extension Leaderboard {
    /// Gives a member a score, whatever it had.
    ///
    /// - Throws: `invalidArgument` for a score that is not finite, `unavailable`, `wrongType`; `CancellationError`.
    @discardableResult
    public func add(_ member: Member, score: Double) async throws -> LeaderboardUpdate {
        try await set([(member, score)], "", "add")[0]
    }

    /// Gives several members their scores at once: all or none, up to 1,000.
    ///
    /// As ``add(_:score:)``.
    public func add(_ scores: [Member: Double]) async throws {
        guard !scores.isEmpty else { return try check("add") }
        _ = try await set(scores.map { ($0.key, $0.value) }, "", "add")
    }

    /// Gives a member a score if it has none or a lower one: the best of several games.
    ///
    /// As ``add(_:score:)``.
    @discardableResult
    public func setIfHigher(_ member: Member, score: Double) async throws -> LeaderboardUpdate {
        try await set([(member, score)], "GT", "setIfHigher")[0]
    }

    /// Gives a member a score if it has none or a higher one: the best of several times.
    ///
    /// As ``add(_:score:)``.
    @discardableResult
    public func setIfLower(_ member: Member, score: Double) async throws -> LeaderboardUpdate {
        try await set([(member, score)], "LT", "setIfLower")[0]
    }

    private func set(
        _ scores: [(member: Member, score: Double)], _ condition: String, _ operation: String
    ) async throws -> [LeaderboardUpdate] {
        try check(scores.count, operation)
        var pairs: [any RedisArgument] = []
        for (member, score) in scores {
            pairs += [try text(of: score, operation), try bytes(of: member, operation)] as [any RedisArgument]
        }
        let answer = try await run(LeaderboardScripts.set, operation) { window in
            ([keys.board(name, window)], try change(window, operation) + [condition] + pairs)
        }
        guard answer.count == 2 * scores.count else { throw unreadable(operation) }
        return try scores.indices.map { index in
            LeaderboardUpdate(
                score: try score(answer[scores.count + index], operation), changed: answer[index] == .integer(1))
        }
    }

    /// Adds to a member's score, 0 if it has none.
    ///
    /// - Parameter requestID: Makes it safe to repeat; 1 to 1,024 bytes, one for each thing that is to be counted. The
    ///   same id may stand for several members.
    /// - Throws: `outOfRange` when the score would not be finite; errors as ``add(_:score:)``. Without a request's id
    ///   `unavailable` may mean that nobody knows.
    @discardableResult
    public func increment(
        _ member: Member, by amount: Double = 1, requestID: String? = nil
    ) async throws -> LeaderboardUpdate {
        try check("increment")
        let (bytes, amount) = (try bytes(of: member, "increment"), try text(of: amount, "increment"))
        var marks: [RedisKey] = []
        if let requestID {
            try CacheKeys.check(requestID, "a request's id", operation: "increment")
            let kind = windowsAgo == 0 ? options.period.name : "\(options.period.name)-\(windowsAgo)"
            marks = [keys.mark(of: requestID, member: MemberText.printable(bytes), board: name, kind)]
        }
        let memory = try options.requestMemory.cacheMilliseconds("the memory of requests", operation: "increment")
        let script = LeaderboardScripts.increment(isMarked: requestID != nil)
        let answer = try await run(script, "increment") { window in
            (
                [keys.board(name, window)] + marks,
                try change(window, "increment") + [amount, bytes, memory] as [any RedisArgument]
            )
        }
        guard answer.count == 2 else { throw unreadable("increment") }
        return LeaderboardUpdate(score: try score(answer[1], "increment"), changed: answer[0] == .integer(1))
    }

    /// Takes members off the board, up to 1,000; how many there were.
    ///
    /// The count of a repeated call may be too low.
    @discardableResult
    public func remove(_ members: Member...) async throws -> Int { try await remove(members) }

    /// Takes a list of members off the board, up to 1,000; how many there were, 0 for an empty list.
    ///
    /// The count of a repeated call may be too low.
    @discardableResult
    public func remove(_ members: [Member]) async throws -> Int {
        guard !members.isEmpty else {
            try check("remove")
            return 0
        }
        return try await takeOff(members)
    }

    /// Takes everybody off the board; how many there were.
    @discardableResult
    public func clear() async throws -> Int { try await takeOff([]) }

    /// No members mean everybody.
    private func takeOff(_ members: [Member]) async throws -> Int {
        try check(max(members.count, 1), "remove")
        let texts = try members.map { try bytes(of: $0, "remove") }
        let answer = try await run(LeaderboardScripts.remove, "remove") { window in
            ([keys.board(name, window)], current(window) + texts)
        }
        return try integer(answer.first, "remove")
    }
}
