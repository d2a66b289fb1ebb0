import FoundationEssentials
import RedisCore

/// What the lease script says.
enum FillAnswer: Sendable, Equatable {
    /// Load: the value counts as true from this server time on, µs.
    case granted(at: Int64)
    /// Somebody else loads.
    case held(left: Duration)
    /// A load failed lately.
    case failed(left: Duration)
    /// There is another entry than the one to be replaced.
    case changed

    init?(_ reply: [Int64]) {
        guard reply.count == 2 else { return nil }
        switch reply[0] {
        case 0: self = .held(left: .milliseconds(max(0, reply[1])))
        case 1: self = .granted(at: reply[1])
        case 2: self = .failed(left: .milliseconds(max(0, reply[1])))
        case 3: self = .changed
        default: return nil
        }
    }
}

/// The fill lease of one entry: one round trip each, safe to repeat with the same token.
extension RedisCache {
    /// Asks for the right to fill an entry; `respect` is for how long a failed load of somebody holds this one back.
    func acquireFill(
        _ entry: RedisKey, _ token: FillToken, replacing print: EntryPrint, lease: Int64, respect: Int64,
        _ operation: String
    ) async throws -> FillAnswer {
        let sent = CacheEngine.localTime
        let reply = try await engine.call(operation, key: entry.name) { redis throws(RedisError) in
            try await redis.evaluate(
                FillScripts.acquire, keys: [entry, CacheKeys.lease(of: entry)],
                arguments: [token.text, lease, print.bytes, respect], as: [Int64].self, timeout: options.timeout)
        }
        guard let answer = FillAnswer(reply) else {
            throw CacheError(
                .unavailable, operation: operation, key: entry.name, message: "Redis gave no answer of the script")
        }
        if case .granted(let time) = answer { engine.note(serverTime: time, sentAt: sent) }
        return answer
    }

    /// Writes an entry if the lease is still the token's; `life` as ``life(_:_:_:)`` gives it.
    func fill(
        _ entry: RedisKey, _ token: FillToken, _ bytes: Data, life: String, _ operation: String
    ) async throws -> Bool {
        try await forgettingNear(entries: [entry], operation) { redis throws(RedisError) in
            try await redis.evaluate(
                FillScripts.fill, keys: [entry, CacheKeys.lease(of: entry)],
                arguments: [token.text, bytes, life, keys.wakeSuffix], as: Int64.self, timeout: options.timeout) == 1
        }
    }

    /// Gives the lease back; with `failedFor`, ms, others do not load for that long.
    func dropFill(
        _ entry: RedisKey, _ token: FillToken, failedFor: Int64? = nil, _ operation: String
    ) async throws -> Bool {
        try await engine.call(operation, key: entry.name) { redis throws(RedisError) in
            try await redis.evaluate(
                FillScripts.drop, keys: [CacheKeys.lease(of: entry)],
                arguments: [token.text, failedFor.map { "\($0)" } ?? "", keys.wakeSuffix], as: Int64.self,
                timeout: options.timeout) == 1
        }
    }
}
