import Cache
import Foundation
import Logging
import RedisCore
import TestSupport

/// A process of the tests that uses a cache.
///
/// `cache-torture near URL KEY HEARTBEAT FILE` is ``NearWatch``.
///
/// `cache-torture URL KEY CALLS` is one of several that miss the same value at the same moment: it waits for a line on
/// standard input, makes CALLS calls of `remember` at once, and prints `values V…`, the distinct values it got. Each
/// load counts up `loads:KEY` in Redis and takes its time.
@main
struct CacheTorture {
    static func main() async throws {
        let arguments = CommandLine.arguments
        if arguments.count == 6, arguments[1] == "near", let heartbeat = Int(arguments[4]) {
            return try await NearWatch(
                url: arguments[2], key: arguments[3], heartbeat: .milliseconds(heartbeat),
                history: HistoryFile(path: arguments[5])
            ).run()
        }
        guard arguments.count == 4, let calls = Int(arguments[3]) else {
            fatalError("usage: cache-torture [near] URL KEY (CALLS | HEARTBEAT FILE)")
        }
        var logger = Logger(label: "cache-torture")
        logger.logLevel = .critical
        let redis = try await RedisClient.connect(arguments[1], logger: logger)
        // One load is what is tested: no wait for it may be over on a busy machine.
        let patience = RememberOptions(loadLease: .seconds(120), waitForOthers: .seconds(60))
        let cache = RedisCache(
            redis, prefix: "torture", options: CacheOptions(timeout: .seconds(60), remember: patience))
        let key = arguments[2]
        // Connected, ready, and let go together.
        FileHandle.standardOutput.write(Data("ready\n".utf8))
        _ = readLine()
        let values = try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<calls {
                group.addTask {
                    try await cache.remember(key, ttl: .after(.seconds(60))) {
                        let number = try await redis.command(
                            RedisCommand("INCR", RedisKey("loads:\(key)")), as: Int.self)
                        try await redis.eventLoop.sleep(for: .milliseconds(150))
                        return number
                    }
                }
            }
            var values: Set<Int> = []
            for try await value in group { values.insert(value) }
            return values
        }
        print("values \(values.sorted().map(String.init).joined(separator: " "))")
        await redis.close()
    }
}
