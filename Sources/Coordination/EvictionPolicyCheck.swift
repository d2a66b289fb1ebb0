import Logging
import RedisCore
import Synchronization

/// Looks once whether the server may throw locks away: all of them have a time to live, so only `noeviction` keeps
/// them.
final class EvictionPolicyCheck: Sendable {
    private let isDue = Atomic(true)
    private let result = Mutex<String?>(nil)

    /// What is wrong, once it is known; nil when nothing is or the check has not been answered.
    var finding: String? { result.withLock { $0 } }

    /// Asks in the background, the first time it is called.
    ///
    /// A server that does not answer is not asked again.
    func runOnce(_ redis: RedisClient) {
        guard isDue.load(ordering: .relaxed), isDue.exchange(false, ordering: .relaxed) else { return }
        Task(executorPreference: redis.eventLoop) { [self] in
            guard let text: String = try? await redis.command(RedisCommand("INFO", "memory")),
                let finding = Self.finding(in: text)
            else { return }
            result.withLock { $0 = finding }
            redis.logger.warning("\(finding)")
        }
    }

    static func finding(in info: String) -> String? {
        var fields: [Substring: Substring] = [:]
        for line in info.split(whereSeparator: \.isNewline) {
            guard let colon = line.firstIndex(of: ":") else { continue }
            fields[line[..<colon]] = line[line.index(after: colon)...]
        }
        guard let policy = fields["maxmemory_policy"], policy != "noeviction", fields["maxmemory"] != "0" else {
            return nil
        }
        return "the server may evict locks when its memory is full: maxmemory-policy is \(policy); "
            + "give coordination a server with noeviction"
    }
}
