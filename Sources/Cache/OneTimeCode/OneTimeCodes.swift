import FoundationEssentials
import Metrics
public import RedisCore
import Synchronization

/// Codes that a user gets by another way and enters once: to log in, to confirm an address.
///
/// ```swift
/// let codes = OneTimeCodes(redis)
/// if let code = try await codes.generate(for: "user-7", purpose: "login").code { try await send(code.text) }
/// …
/// guard try await codes.verify(entered, for: "user-7", purpose: "login") == .accepted else { … }
/// ```
///
/// **What it promises.** Of all who enter the right code, one is told `accepted`, once. An attempt counts before it is
/// compared, and a new code brings new attempts no more often than the options allow, so guesses are bounded whatever
/// runs at the same time. **When Redis does not answer**, or cannot write, the call throws `unavailable`: an outage is
/// never "wrong code" and never `accepted`. **When a reply is lost** the request is repeated and gets the answer of the
/// first. A **restart** that loses data takes the codes with it, and the count of how many were sent.
///
/// Codes are stored as digests only (see ``OneTimeCodeOptions/key``) and are in no error and no log. Each call is one
/// round trip; a code takes two keys, the second for as long as codes are counted.
public struct OneTimeCodes: Sendable {
    private let engine: CacheEngine
    private let prefix: String
    /// What it was made with.
    public let options: OneTimeCodeOptions
    private let scripts: OneTimeCodeScripts
    private let flaw: CacheError?

    private static let random = Mutex(RandomPool())

    /// Codes on one server; nothing is sent.
    ///
    /// - Parameters:
    ///   - prefix: What its keys begin with, before `:code:`; the client's prefix when nil.
    ///   - options: Options that cannot work are thrown as `invalidArgument` by every call.
    public init(_ redis: RedisClient, prefix: String? = nil, options: OneTimeCodeOptions = OneTimeCodeOptions()) {
        self.init(redis, prefix: prefix, options: options, scripts: .live)
    }

    init(_ redis: RedisClient, prefix: String?, options: OneTimeCodeOptions, scripts: OneTimeCodeScripts) {
        engine = .of(redis)
        self.prefix = prefix ?? redis.configuration.prefix
        self.options = options
        self.scripts = scripts
        flaw = options.flaw()
    }

    /// Makes a code and stores it in place of an older one for the same id and purpose.
    ///
    /// - Parameters:
    ///   - id: Who is to prove something: a user, an address; 1 to 1,024 bytes.
    ///   - purpose: What for, 1 to 1,024 bytes; codes for one purpose are none for another.
    /// - Throws: `unavailable`: no code was made that anybody knows. `invalidArgument`; `CancellationError`.
    public func generate(for id: String, purpose: String? = nil) async throws -> OneTimeCodeIssue {
        let operation = "code.generate"
        let keys = try keys(id, purpose, operation)
        let text = Self.random.withLock { pool in OneTimeCodeText.digits(options.length) { pool.next() } }
        let answer = try await run(
            scripts.issue, [keys.code, keys.sent],
            [
                digest(text, id, purpose), Self.milliseconds(options.life), options.attempts,
                Self.milliseconds(options.minimumInterval), options.maxCodes, Self.milliseconds(options.period),
                RequestNumber.next(),
            ], operation)
        guard answer.first == 1 else {
            engine.metrics.codes.refused.increment()
            return .refused(retryAfter: .milliseconds(answer.last ?? 0))
        }
        engine.metrics.codes.issued.increment()
        return .issued(OneTimeCode(text: text, life: options.life))
    }

    /// Tries a code: the right one is accepted and used up, a wrong one costs an attempt.
    ///
    /// - Throws: `unavailable`: nothing is known about the code; the attempt may count. `invalidArgument`;
    ///   `CancellationError`.
    public func verify(
        _ code: String, for id: String, purpose: String? = nil
    ) async throws -> OneTimeCodeVerdict {
        let operation = "code.verify"
        let keys = try keys(id, purpose, operation)
        // Nobody sends codes that long; it is not worth hashing, but counts as an attempt.
        let entered = code.utf8.count <= 64 ? code : ""
        let answer = try await run(
            OneTimeCodeScripts.verify, [keys.code],
            [digest(entered, id, purpose), RequestNumber.next(), OneTimeCodeScripts.usedFor], operation)
        switch answer.first {
        case 1:
            engine.metrics.codes.accepted.increment()
            return .accepted
        case 2:
            engine.metrics.codes.wrong.increment()
            return .wrong(attemptsLeft: Int(answer.last ?? 0))
        case 3:
            engine.metrics.codes.locked.increment()
            return .locked
        default:
            engine.metrics.codes.missing.increment()
            return .none
        }
    }

    /// Voids the code of an id and purpose, if there is one; it still counts among those that were sent.
    ///
    /// - Throws: `unavailable`: it may still be valid. `invalidArgument`; `CancellationError`.
    public func revoke(for id: String, purpose: String? = nil) async throws {
        let keys = try keys(id, purpose, "code.revoke")
        // The request that was accepted stays: it may be on its way a second time.
        let command = RedisCommand("HDEL", keys.code, "digest", "left", "last").safeToRepeat()
        _ = try await engine.call("code.revoke", key: nil) { redis throws(RedisError) in
            try await redis.command(command, as: Int.self, timeout: options.timeout)
        }
    }

    private func keys(_ id: String, _ purpose: String?, _ operation: String) throws(CacheError) -> OneTimeCodeKeys {
        if let flaw { throw flaw }
        try CacheKeys.check(id, "an id", operation: operation)
        if let purpose { try CacheKeys.check(purpose, "a purpose", operation: operation) }
        return OneTimeCodeKeys(prefix: prefix, id: id, purpose: purpose)
    }

    private func digest(_ code: String, _ id: String, _ purpose: String?) -> String {
        OneTimeCodeText.digest(code, id: id, purpose: purpose, key: options.key?.value ?? "")
    }

    private func run(
        _ script: RedisScript, _ keys: [RedisKey], _ arguments: [any RedisArgument], _ operation: String
    ) async throws -> [Int64] {
        try await engine.call(operation, key: nil) { redis throws(RedisError) in
            try await redis.evaluate(
                script, keys: keys, arguments: arguments, as: [Int64].self, timeout: options.timeout)
        }
    }

    private static func milliseconds(_ duration: Duration) -> Int64 {
        Int64(duration.attoseconds / 1_000_000_000_000_000)
    }
}
