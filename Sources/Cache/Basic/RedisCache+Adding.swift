import FoundationEssentials
import RedisCore

extension RedisCache {
    /// Stores a value if its key has none; true if it did.
    ///
    /// One round trip; one more when an invalidated entry is in its place, and one when what is there has tags. Not
    /// repeated when its reply is lost: the error says so. Errors as ``set(_:_:ttl:tags:)``.
    public func add<T: Encodable & Sendable>(
        _ key: String, _ value: T, ttl: CacheTTL = .default, tags: [String] = []
    ) async throws -> Bool {
        let entry = try entry(key, "add")
        let life = try life(ttl, tags, "add")
        let pieces = try pieces(value, tags, entry, "add", sliding: life.sliding)
        var seen = Result<RedisValue, RedisError>.success(.null)
        let isStored = try await write(entry, "add") { redis throws(RedisError) in
            try await look(entry, redis, adding: [pieces.head, pieces.tail, life.text, "NX", keys.wakeSuffix], &seen)
        }
        if isStored {
            tell(.set, key)
            return true
        }
        // The key was taken when the script looked. What was there before that may count no more.
        let found = try seen.mapError { CacheError.from($0, operation: "add", key: entry.name) }.get()
        let values = ValueArray(Self.elements(of: found))
        guard let first = values.first, let bytes = first else { return false }
        let state = try await judge(values, epochs: values.latest(1..<values.count), tagStamps: [:], "add")
        // Without the server's time nobody knows whether it is over: what is there stays.
        let isThere = (engine.judgingTime == nil ? state : fresh(state)).isPresent
        return isThere ? false : try await swap(entry, bytes, pieces, life.text, "add")
    }

    /// Looks at what is there, and adds if there is nothing, in one write; what the script answers.
    private func look(
        _ entry: RedisKey, _ redis: RedisClient, adding arguments: [any RedisArgument],
        _ seen: inout Result<RedisValue, RedisError>
    ) async throws(RedisError) -> Int64 {
        let script = CacheScripts.set(isConditional: true)
        let scriptKeys = [entry, CacheKeys.lease(of: entry)]
        let head: [any RedisArgument] = [script.sha, scriptKeys.count]
        var commands = [
            RedisCommand("MGET", arguments: [entry] + keys.epochs),
            RedisCommand("EVALSHA", arguments: head + scriptKeys + arguments),
        ]
        // Freshness is judged by the server's clock: when that is not known, it is asked for on the way.
        if engine.serverTime == nil { commands.append(RedisCommand("TIME")) }
        let sent = CacheEngine.localTime
        let replies = try await redis.pipeline(commands, timeout: options.timeout)
        if replies.count > 2, let time = RedisClient.microseconds(try? replies[2].get()) {
            engine.note(serverTime: time, sentAt: sent)
        }
        seen = replies[0]
        do throws(RedisError) {
            guard case .integer(let time) = try replies[1].get() else { return -1 }
            return time
        } catch  where error.code == .noScript {
            return try await redis.evaluate(
                script, keys: scriptKeys, arguments: arguments, timeout: options.timeout)
        }
    }
}
