import Coordination
import Foundation
import Logging
import RedisCore

/// Burns every thread of Swift's pool inside bodies under a lock, for longer than their time to live.
///
/// A process of its own, because nothing else could run beside it in one. Exit code 0 when every lease was kept.
enum Burner {
    static func run(url: String, ttl: Duration) async throws -> Int32 {
        var logger = Logger(label: "lock-torture")
        logger.logLevel = .critical
        let redis = try await RedisClient.connect(url, logger: logger)
        let locks = Locks(redis)
        let kept = try await withThrowingTaskGroup(of: Bool.self) { group in
            for number in 0..<(2 * ProcessInfo.processInfo.activeProcessorCount) {
                group.addTask {
                    try await locks.withLock("burn-\(number)", ttl: ttl) { lease in
                        let end = ContinuousClock.now + ttl * 2.5
                        while ContinuousClock.now < end, !Task.isCancelled {}
                        if lease.isTrusted { return true }
                        let late = ContinuousClock.now - lease.trustedUntil
                        let why = lease.loss.map { "\($0)" } ?? "unknown"
                        FileHandle.standardError.write(Data("lost: \(why), \(late) after its trust\n".utf8))
                        return false
                    }
                }
            }
            return try await group.reduce(true) { $0 && $1 }
        }
        await redis.close()
        return kept ? 0 : 1
    }
}
