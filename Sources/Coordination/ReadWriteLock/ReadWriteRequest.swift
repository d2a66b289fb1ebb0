import Logging
import RedisCore

/// One wish to read or to write under one name, checked once, for as many attempts as it takes.
struct ReadWriteRequest: LeaseRequest {
    enum Mode: Sendable, Hashable { case read, write }

    /// How long a waiting writer holds readers back after its process died.
    ///
    /// Twice the longest time between two attempts of a waiter, each of which notes it again.
    static let writerWaits = Duration.seconds(10)

    let engine: CoordinationEngine
    let name: String
    let ttl: LeaseTime
    private let mode: Mode
    private let keys: ReadWriteKeys
    private let wakeSuffix: String
    private let renewal: Locks.Renewal
    /// What a waiting writer is noted under; nil for who does not wait.
    private let waiter: String?

    init(
        _ locks: ReadWriteLocks, _ name: String, _ mode: Mode, ttl: Duration, waits: Bool
    ) throws(CoordinationError) {
        self.ttl = try LeaseTime(ttl, "the time to live", operation: "acquire")
        engine = locks.engine
        engine.policyCheck.runOnce(engine.redis)
        self.name = name
        self.mode = mode
        keys = try locks.keys.readWrite(name)
        wakeSuffix = locks.keys.wakeSuffix
        renewal = locks.renewal
        waiter = waits && mode == .write ? Token().text : nil
    }

    var kind: LeaseKind { .readWrite }
    var key: String { keys.state }
    var wakeChannel: String { (mode == .write ? keys.state : keys.readers) + wakeSuffix }
    /// Readers do not exclude each other, so all of them are woken.
    var waitsAlone: Bool { mode == .read }

    func attempt(timeout: Duration?) async throws -> LeaseAttempt {
        let now = Moment.now
        let core = LeaseCore(
            engine, kind: .readWrite, name: name, key: RedisKey(key), ttl: ttl, now: now, renews: renewal.isAutomatic,
            maxHold: renewal.maxHold, wakeSuffix: wakeSuffix, otherKeys: Array(keys.all.dropFirst()))
        var arguments: [any RedisArgument] = [core.token.text, ttl.milliseconds, LifeOfKeys.fence]
        if mode == .write {
            arguments += [waiter ?? "", waiter == nil ? 0 : Int(Self.writerWaits / .milliseconds(1))]
        }
        return try await attempt(
            core, mode == .read ? ReadWriteScripts.read : ReadWriteScripts.write, arguments: arguments, sentAt: now,
            timeout: timeout)
    }

    func gaveUp() {
        guard let waiter else { return }
        // In its own time: the caller may be cancelled, and its note ends by itself when this fails.
        Task.detached(executorPreference: engine.redis.eventLoop) {
            let answer: Persistent.Answer<Int64> = await Persistent(engine.redis).run(within: Lease.releaseBudget) {
                timeout throws(RedisError) in
                try await engine.redis.evaluate(
                    ReadWriteScripts.leave, keys: keys.all, arguments: [waiter, wakeSuffix], timeout: timeout,
                    on: .control)
            }
            if case .failure(let error) = answer.result {
                engine.logger.info(
                    "a writer that gave up holds readers back until its note ends",
                    metadata: ["lock": "\(name)", "error": "\(error)"])
            }
        }
    }
}
