public import RedisCore

/// Opens when a number of named participants have counted down, once; whoever waits for it goes on then.
///
/// ```swift
/// let imported = try CountDownLatch(redis, name: "import:7", count: 3)
/// try await imported.countDown(as: "part-2")                   // in three processes
/// try await imported.wait(atMost: .seconds(600))               // wherever
/// ```
///
/// A participant counts once, however often it says so: repeating after a lost reply or a restart is harmless. One that
/// dies before does not count, and waiters end at their deadline. The record lives for `ttl` after the last count, open
/// or not; after that the latch is a new one. A server that lost its data has a new one too: count down again.
public struct CountDownLatch: Sendable {
    /// The most participants a latch or a barrier can have.
    public static let mostParticipants = 10_000

    /// What it is called.
    public var name: String { gathering.name }
    /// How many participants open it.
    public var count: Int { gathering.count }

    private let gathering: Gathering
    private var engine: CoordinationEngine { gathering.engine }
    private var key: String { gathering.key }
    private var wakeSuffix: String { gathering.wakeSuffix }
    private var ttl: LeaseTime { gathering.ttl }

    /// A latch on one server; nothing is sent.
    ///
    /// - Parameters:
    ///   - name: 1 to 1,024 bytes.
    ///   - count: 1 to 10,000 participants; the same wherever the name is used.
    ///   - ttl: 1 ms to ten years; how long it is remembered after the last count.
    public init(
        _ redis: RedisClient, name: String, count: Int, ttl: Duration = .seconds(86_400)
    ) throws(CoordinationError) {
        gathering = try Gathering(redis, "latch", name, count: count, ttl: ttl) {
            (keys) throws(CoordinationError) in try keys.latch(name)
        }
    }

    /// Counts a participant, the first time it is named; one round trip.
    ///
    /// - Parameter participant: 1 to 1,024 bytes.
    /// - Returns: how many are still missing; 0 when the latch is open.
    /// - Throws: `invalidArgument`, also when the latch was made for another number; `unavailable`;
    ///   `CancellationError`.
    @discardableResult
    public func countDown(as participant: String) async throws -> Int {
        try CoordinationKeys.check(participant, "a participant's name")
        engine.policyCheck.runOnce(engine.redis)
        return try await ask(LatchScripts.countDown, [count, participant, ttl.milliseconds, wakeSuffix], "countDown")
    }

    /// How many are still missing; 0 when the latch is open.
    ///
    /// One round trip.
    ///
    /// - Throws: as ``countDown(as:)``.
    public func missing() async throws -> Int { try await ask(LatchScripts.look, [count], "missing") }

    /// Returns when the latch is open; one round trip when it is.
    ///
    /// Woken over pub/sub, and looks every 5 s in case a message was lost.
    ///
    /// - Parameter limit: The longest time to wait; nil waits until cancelled.
    /// - Throws: `deadlineExceeded` when the wait is over; as ``countDown(as:)``.
    public func wait(atMost limit: Duration? = nil) async throws {
        let deadline = limit.map { Moment.now + $0 }
        if try await missing() == 0 { return }
        let isOpen = try await engine.waits.wait(on: gathering.wakeChannel, until: deadline) {
            () async throws -> WaitRoom.Verdict<Bool> in
            try await missing() == 0 ? .settled(true) : .denied(left: nil)
        }
        if isOpen != nil { return }
        throw CoordinationError(
            .deadlineExceeded, operation: "wait", key: key,
            message: "the latch \(name) was not open after \(limit ?? .zero); see which participants are missing")
    }

    private func ask(_ script: RedisScript, _ arguments: [any RedisArgument], _ operation: String) async throws -> Int {
        let missing: Int
        do {
            missing = try await engine.redis.evaluate(
                script, keys: [RedisKey(key)], arguments: arguments, on: .control)
        } catch {
            throw CoordinationError.from(error, operation: operation, key: key)
        }
        guard missing >= 0 else {
            throw CoordinationError(
                .invalidArgument, operation: operation, key: key,
                message: "the latch \(name) was made for \(-missing) participants, not \(count)")
        }
        return missing
    }
}
