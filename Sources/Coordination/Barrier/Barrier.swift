import Logging
public import RedisCore

/// Lets a number of participants go on together, again and again: everybody waits until all have arrived.
///
/// ```swift
/// let step = try Barrier(redis, name: "step", count: 3)
/// for part in parts {
///     try await work(part)
///     try await step.arrive(as: "worker-2", within: .seconds(60))
/// }
/// ```
///
/// Either all of a generation pass or all get `barrierBroken`: when its deadline passes, when one of those who wait is
/// cancelled or gives up, or when the server lost the record. After that the next generation begins with the next
/// arrival. The deadline is the first arrival's; each later one waits for its own time too, and the shorter one counts.
///
/// A participant that dies **before** it arrives breaks the generation at its deadline. One that dies **after** counts
/// as arrived: nobody can tell it from one that went on and died. One that comes back in the same generation under its
/// name is the same arrival.
public struct Barrier: Sendable {
    /// What it is called.
    public var name: String { gathering.name }
    /// How many participants it takes.
    public var count: Int { gathering.count }

    private let gathering: Gathering
    private var engine: CoordinationEngine { gathering.engine }
    private var key: String { gathering.key }
    private var wakeSuffix: String { gathering.wakeSuffix }
    private var ttl: LeaseTime { gathering.ttl }

    /// A barrier on one server; nothing is sent.
    ///
    /// - Parameters:
    ///   - name: 1 to 1,024 bytes.
    ///   - count: 1 to 10,000 participants; the same wherever the name is used.
    ///   - ttl: 1 ms to ten years; how long it is remembered after the last arrival. Longer than any wait.
    public init(
        _ redis: RedisClient, name: String, count: Int, ttl: Duration = .seconds(86_400)
    ) throws(CoordinationError) {
        gathering = try Gathering(redis, "barrier", name, count: count, ttl: ttl) {
            (keys) throws(CoordinationError) in try keys.barrier(name)
        }
    }

    /// Arrives, and returns when all have; one round trip for the last one, two and a subscription for the others.
    ///
    /// A lost reply is repeated and counts once.
    ///
    /// - Parameters:
    ///   - participant: 1 to 1,024 bytes, its own in the generation.
    ///   - limit: 1 ms up to `ttl`; how long to wait for the others.
    /// - Returns: the generation's number, 1 for the first, larger for each later one.
    /// - Throws: `barrierBroken`; `invalidArgument`, also when the barrier was made for another number; `unavailable`
    ///   when Redis gave no verdict, after which the generation is broken if that can be said; `CancellationError`.
    @discardableResult
    public func arrive(as participant: String, within limit: Duration) async throws -> Int {
        try CoordinationKeys.check(participant, "a participant's name")
        let span = try LeaseTime(limit, "the wait", operation: "arrive")
        guard span.milliseconds <= ttl.milliseconds else {
            throw CoordinationError(
                .invalidArgument, operation: "arrive", key: key,
                message: "the wait of \(limit) is longer than the barrier's time to live of \(ttl.duration)")
        }
        engine.policyCheck.runOnce(engine.redis)
        let deadline = Moment.now + limit
        let generation = try await enter(participant, span)
        guard !generation.isComplete else { return generation.number }
        do {
            let passed = try await engine.waits.wait(on: gathering.wakeChannel, until: deadline) {
                () async throws -> WaitRoom.Verdict<Bool> in
                switch try await look(generation.number, breaking: false) {
                case 0: .denied(left: deadline - .now)
                case let answer: .settled(answer == 1)
                }
            }
            if passed == true { return generation.number }
            // Nobody goes on without the others: they may have come this very moment, which the script decides.
            if passed == nil, try await look(generation.number, breaking: true) == 1 { return generation.number }
        } catch {
            await giveUp(generation.number)
            throw error
        }
        throw CoordinationError(
            .barrierBroken, operation: "arrive", key: key,
            message: "not all \(count) participants of \(name) arrived in time; arrive again for a new attempt")
    }

    private func enter(_ participant: String, _ span: LeaseTime) async throws -> (number: Int, isComplete: Bool) {
        let reply: [Int]
        do {
            reply = try await engine.redis.evaluate(
                BarrierScripts.arrive, keys: [RedisKey(key)],
                arguments: [
                    count, participant, Token().text, span.milliseconds, ttl.milliseconds, wakeSuffix,
                ], on: .control)
        } catch {
            throw CoordinationError.from(error, operation: "arrive", key: key)
        }
        guard reply.count == 2, reply[0] > 0 else {
            throw CoordinationError(
                .invalidArgument, operation: "arrive", key: key,
                message: "the barrier \(name) was made for \(-(reply.first ?? 0)) participants, not \(count)")
        }
        guard reply[1] == 0 else { return (reply[0], false) }
        return (reply[0], true)
    }

    private func look(_ generation: Int, breaking: Bool) async throws -> Int {
        do {
            return try await engine.redis.evaluate(
                BarrierScripts.look, keys: [RedisKey(key)], arguments: [generation, breaking ? 1 : 0, wakeSuffix],
                on: .control)
        } catch {
            throw CoordinationError.from(error, operation: "arrive", key: key)
        }
    }

    /// Breaks the generation for the others too, whatever happened to the caller; failing that, its deadline does.
    private func giveUp(_ generation: Int) async {
        let (key, suffix, redis) = (RedisKey(key), wakeSuffix, engine.redis)
        let answer = await Persistent(redis).insist(until: .now + Lease.releaseBudget, repeated: false) {
            timeout throws(RedisError) in
            try await redis.evaluate(
                BarrierScripts.look, keys: [key], arguments: [generation, 1, suffix], as: Int.self, timeout: timeout,
                on: .control)
        }
        guard case .failure(let error) = answer.result else { return }
        engine.logger.warning(
            "a barrier was not broken by who left it; the others wait for its deadline",
            metadata: ["barrier": "\(name)", "error": "\(error)"])
    }
}
