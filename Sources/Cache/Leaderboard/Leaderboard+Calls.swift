import FoundationEssentials
import RedisCore

// MARK: - Checking and writing arguments

extension Leaderboard {
    func check(_ operation: String) throws(CacheError) {
        try CacheKeys.check(name, "a board's name", operation: operation)
        try options.check(operation)
        guard (0...options.period.keep).contains(windowsAgo) else {
            throw CacheError(
                .invalidArgument, operation: operation,
                message: "the window \(windowsAgo) before this one is not kept; give 0 to \(options.period.keep)")
        }
    }

    func check(_ members: Int, _ operation: String) throws(CacheError) {
        try check(operation)
        guard (1...Self.mostMembers).contains(members) else {
            throw CacheError(
                .invalidArgument, operation: operation,
                message: "\(members) members are too many for one call; give up to \(Self.mostMembers)")
        }
    }

    func bytes(of member: Member, _ operation: String) throws(CacheError) -> Data {
        let bytes = try MemberText.bytes(member, operation)
        guard (1...CacheKeys.longestName).contains(bytes.count) else {
            throw CacheError(
                .invalidArgument, operation: operation,
                message: "a member has \(bytes.count) bytes; it must have 1 to \(CacheKeys.longestName)")
        }
        return bytes
    }

    func text(of score: Double, _ operation: String) throws(CacheError) -> String {
        guard score.isFinite else {
            throw CacheError(
                .invalidArgument, operation: operation, message: "a score is \(score); it must be finite")
        }
        return score.description
    }

    /// The window as scripts take it: the current one, of which the board's may be an earlier one.
    func current(_ window: LeaderboardWindow?) -> [any RedisArgument] {
        guard let window else { return ["", ""] }
        guard windowsAgo > 0, let now = LeaderboardWindow(index: window.index + windowsAgo, of: options.period) else {
            return [window.start, window.end]
        }
        return [now.start, now.end]
    }

    /// What scripts that change a board take first.
    func change(_ window: LeaderboardWindow?, _ operation: String) throws(CacheError) -> [any RedisArgument] {
        var arguments = current(window)
        if let window {
            arguments += ["PEXPIREAT", window.expiry(options.period)] as [any RedisArgument]
        } else if let life = try options.ttl.milliseconds(default: .never, operation: operation) {
            arguments += ["PEXPIRE", life] as [any RedisArgument]
        } else {
            arguments += ["", ""] as [any RedisArgument]
        }
        return arguments + [options.keepBest ?? 0, options.order.rawValue] as [any RedisArgument]
    }
}

// MARK: - Running scripts and reading answers

extension Leaderboard {
    /// Runs a script; what it answers behind the time.
    ///
    /// Keys of a window contain its date, so the server's date must be known before: it is, from earlier replies, or it
    /// is guessed. The script checks it, does nothing when it was wrong, and says what time it is.
    func run(
        _ script: RedisScript, _ operation: String,
        _ call: (LeaderboardWindow?) throws -> (keys: [RedisKey], arguments: [any RedisArgument])
    ) async throws -> [RedisValue] {
        var time = options.period == .allTime ? 0 : engine.serverTime ?? Self.guess
        // Twice around midnight; a third time only for a server whose clock jumps.
        for _ in 0..<3 {
            let (keys, arguments) = try call(
                LeaderboardWindow(at: time, earlier: windowsAgo, of: options.period))
            let sent = CacheEngine.localTime
            let reply = try await ask(operation, keys[0], script, keys, arguments)
            guard case .array(let values) = reply, values.count > 1, let now = Self.microseconds(values[1]) else {
                throw unreadable(operation)
            }
            if now > 0 { engine.note(serverTime: now, sentAt: sent) }
            if values[0] == .integer(1) { return Array(values.dropFirst(2)) }
            time = now
        }
        throw CacheError(
            .unavailable, operation: operation, message: "the server's clock jumps; \(operation) found no window")
    }

    private func ask(
        _ operation: String, _ key: RedisKey, _ script: RedisScript, _ keys: [RedisKey],
        _ arguments: [any RedisArgument]
    ) async throws -> RedisValue {
        do {
            return try await engine.call(operation, key: key.name) { redis throws(RedisError) in
                try await redis.evaluate(script, keys: keys, arguments: arguments, timeout: options.timeout)
            }
        } catch let error as CacheError {
            throw error.ofNumbers
        }
    }

    /// Where nothing is known of the server's clock, this machine's does for a guess that the script checks.
    private static var guess: Int64 {
        Int64(max(0, min(Date().timeIntervalSince1970, 32_000_000_000)) * 1_000_000)
    }

    private static func microseconds(_ value: RedisValue) -> Int64? {
        guard case .bytes(let text) = value else { return nil }
        return Int64(String(decoding: text, as: UTF8.self))
    }

    func integer(_ value: RedisValue?, _ operation: String) throws(CacheError) -> Int {
        guard case .integer(let integer)? = value else { throw unreadable(operation) }
        return Int(integer)
    }

    func score(_ value: RedisValue, _ operation: String) throws(CacheError) -> Double? {
        switch value {
        case .null: return nil
        case .bytes(let text):
            if let score = Double(String(decoding: text, as: UTF8.self)) { return score }
            throw unreadable(operation)
        default: throw unreadable(operation)
        }
    }

    func entries(_ answer: [RedisValue], _ operation: String) throws(CacheError) -> [LeaderboardEntry<Member>] {
        guard answer.count == 4, case .array(let list) = answer[3] else { throw unreadable(operation) }
        var members: [(member: Member, score: Double)] = []
        members.reserveCapacity(list.count / 2)
        for index in stride(from: 0, to: list.count - 1, by: 2) {
            guard case .bytes(let bytes) = list[index], let score = try score(list[index + 1], operation) else {
                throw unreadable(operation)
            }
            members.append((try MemberText.member(Data(bytes), operation), score))
        }
        let page = LeaderboardPage(
            first: try integer(answer[1], operation), better: try integer(answer[2], operation), members: members)
        return page.entries(options.ranking)
    }

    func unreadable(_ operation: String) -> CacheError {
        CacheError(
            .undecodable, operation: operation, message: "\(operation) of \(name) got an answer of another form")
    }
}

/// From members to texts and back.
enum MemberText {
    private static let coder = ValueCoder(serializer: JSONCacheSerializer())

    static func bytes<Member: Encodable>(_ member: Member, _ operation: String) throws(CacheError) -> Data {
        if let id = member as? UUID { return Data(id.uuidString.utf8) }
        return try coder.encode(member, operation: operation, key: nil).bytes
    }

    static func member<Member: Decodable>(
        _ bytes: Data, _ operation: String
    ) throws(CacheError) -> Member {
        if Member.self == UUID.self, let id = UUID(uuidString: String(decoding: bytes, as: UTF8.self)) as? Member {
            return id
        }
        return try coder.decode(Member.self, codec: nil, bytes, operation: operation, key: nil)
    }

    /// The bytes as a part of a key: as they are if they are text, else in hexadecimal.
    static func printable(_ bytes: Data) -> String {
        String(validating: bytes, as: UTF8.self) ?? "0x"
            + bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}
