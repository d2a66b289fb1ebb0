import RedisCore
import Synchronization

/// How a limiter asks Redis: its scripts and keys, made once, and what becomes of a lost reply.
struct LimitRequest: Sendable {
    /// What a call asks for.
    enum Wish: Sendable, Hashable {
        case exactly(Int)
        case atMost(Int)

        var units: Int {
            switch self {
            case .exactly(let units), .atMost(let units): units
            }
        }
        /// The second number of the scripts.
        var argument: Int64 { if case .atMost(let units) = self { -Int64(units) } else { Int64(units) } }
        /// The smallest cost that would have to be refused for this to be refused.
        var least: Int { if case .atMost = self { 1 } else { units } }
    }

    /// The server's answer: what was decided, and how each rule stands.
    struct Answer: Sendable {
        /// Units admitted, or minus the microseconds until they can be.
        let decision: Int64
        /// Which rule decided, from 0.
        let rule: Int
        let remaining: Int
        let resetAfter: Duration
        /// With several rules: units left and time until some come back, in turn.
        var several: [Int64] = []
    }

    let redis: RedisClient
    let keys: LimitKeys
    let timeout: Duration
    /// For a single rule, whose calls are written without any allocation.
    private let single: KeyedScript?
    private let script: RedisScript
    private let constants: [String]
    private let ids = RequestIDs()

    init(_ redis: RedisClient, _ keys: LimitKeys, _ rules: [RateLimit], timeout: Duration) {
        self.redis = redis
        self.keys = keys
        self.timeout = timeout
        constants = rules.flatMap(\.arguments)
        guard rules.count == 1 else {
            script = LimitScripts.several
            single = nil
            return
        }
        script = LimitScripts.script(for: rules[0].algorithm)
        single = KeyedScript(script, keyStart: keys.starts[0], keyEnd: keys.ends[0], constants: constants)
    }

    /// Decides and counts; a lost reply is asked for again, under the same number.
    func decide(_ key: String, _ wish: Wish, begun: Int64) async throws(RedisError) -> Answer {
        let id = ids.next()
        do {
            return try await ask(key, id, wish, timeout: timeout)
        } catch  where error.isLostReply {
            return try await ask(key, -id, wish, timeout: try left(begun, error))
        }
    }

    /// Decides without counting.
    func look(_ key: String, cost: Int) async throws(RedisError) -> Answer {
        try await ask(key, 0, .exactly(cost), timeout: timeout)
    }

    private func ask(
        _ key: String, _ id: Int64, _ wish: Wish, timeout: Duration
    ) async throws(RedisError) -> Answer {
        if let single {
            // Both may be sent again: one has found its number then, the other counts nothing.
            let reply = try await redis.evaluate(
                single, name: keys.takesName[0] ? key : "", numbers: (id, wish.argument), isSafeToRepeat: id <= 0,
                timeout: timeout)
            return Answer(reply)
        }
        let numbers: [Int64] = try await redis.evaluate(
            script, keys: keys.records(key), arguments: arguments(id, wish), timeout: timeout)
        return try answer(numbers)
    }

    private func arguments(_ id: Int64, _ wish: Wish) -> [any RedisArgument] {
        [id, wish.argument] + constants.map { $0 as any RedisArgument }
    }

    private func left(_ begun: Int64, _ error: RedisError) throws(RedisError) -> Duration {
        let left = timeout - .nanoseconds(Moment.nanoseconds - begun)
        guard left > .zero else { throw error }
        return left
    }

    // MARK: Many keys

    /// Decides for many keys in one round trip; results in order.
    func decide(
        _ keys: [String], _ wish: Wish, begun: Int64
    ) async throws(RedisError) -> [Result<Answer, RedisError>] {
        let numbers = keys.map { _ in ids.next() }
        do {
            return try await ask(keys, numbers, wish, timeout: timeout)
        } catch  where error.isLostReply {
            return try await ask(keys, numbers.map { -$0 }, wish, timeout: try left(begun, error))
        }
    }

    private func ask(
        _ keys: [String], _ ids: [Int64], _ wish: Wish, timeout: Duration
    ) async throws(RedisError) -> [Result<Answer, RedisError>] {
        let batch = zip(keys, ids).map { key, id in
            (keys: self.keys.records(key), arguments: arguments(id, wish))
        }
        return try await redis.evaluate(script, batch: batch, timeout: timeout).map { result in
            result.flatMap { value in
                do throws(RedisError) {
                    guard case .array(let values) = value else { throw LimitRequest.unreadable }
                    let numbers = values.compactMap { value in
                        if case .integer(let number) = value { number } else { nil }
                    }
                    return .success(try answer(numbers))
                } catch {
                    return .failure(error)
                }
            }
        }
    }

    private func answer(_ numbers: [Int64]) throws(RedisError) -> Answer {
        guard numbers.count >= 4, let rule = Int(exactly: numbers[1] - 1), rule >= 0, numbers.count > 2 * rule + 3
        else { throw LimitRequest.unreadable }
        return Answer(
            decision: numbers[0], rule: rule, remaining: Int(numbers[2 * rule + 2]),
            resetAfter: .microseconds(numbers[2 * rule + 3]),
            several: numbers.count == 4 ? [] : Array(numbers[2...]))
    }

    private static var unreadable: RedisError {
        RedisError(.decoding, operation: "limit", message: "The limiter's script answered something else.")
    }
}

extension LimitRequest.Answer {
    init(_ reply: FourIntegers) {
        self.init(
            decision: reply.first, rule: 0, remaining: Int(reply.third), resetAfter: .microseconds(reply.fourth))
    }
}

extension RedisError {
    /// Executed or not, nobody knows; asking again under the same number finds out.
    fileprivate var isLostReply: Bool { wasWritten && (code == .connectionLost || code == .protocolViolation) }
}

/// Numbers for calls, 31 bits so that Redis keeps one in five bytes.
///
/// Two calls of one key that are both still counted share one by chance once in billions; that matters only if a
/// reply of one of them is lost.
struct RequestIDs: Sendable {
    private let counter = Counter()

    private final class Counter: Sendable {
        let value = Atomic<UInt64>(.random(in: .min ... .max))
    }

    func next() -> Int64 {
        var mixer = SplitMix(seed: counter.value.wrappingAdd(1, ordering: .relaxed).oldValue)
        return Int64(max(1, mixer.next() >> 33))
    }
}
