import Cache
import Logging
import RedisCore
import TestSupport

/// Reads a number through a near cache as fast as it can, until it is killed, and writes down what it saw and when.
///
/// | line | |
/// |---|---|
/// | `see NUMBER TIME` | first read of it, by the time before the call |
/// | `near NUMBER` | it was answered without Redis |
/// | `last NUMBER TIME` | its last read before another number was seen |
struct NearWatch {
    let url: String
    let key: String
    let heartbeat: Duration
    let history: HistoryFile

    func run() async throws {
        var logger = Logger(label: "cache-torture")
        logger.logLevel = .critical
        var configuration = try RedisConfiguration(url: url)
        configuration.heartbeat = heartbeat
        configuration.reconnect = ReconnectPolicy(initialDelay: .milliseconds(2), maxDelay: .milliseconds(20))
        let redis = try await RedisClient.connect(configuration, logger: logger)
        let cache = RedisCache(redis, prefix: "torture", options: CacheOptions(near: NearCacheOptions()))
        var seen = -1
        var lastAsked: Int64 = 0
        var isNear = false
        while true {
            let hits = cache.near?.figures.hits ?? 0
            // So many that a process that is stopped is stopped among them more often than not.
            for _ in 0..<500 {
                let asked = HistoryFile.now()
                guard let number = try? await cache.get(key, as: Int.self) else { continue }
                if number != seen {
                    if seen >= 0 { history.append("last \(seen) \(lastAsked)") }
                    history.append("see \(number) \(asked)")
                    (seen, isNear) = (number, false)
                }
                lastAsked = asked
            }
            if !isNear, cache.near?.figures.hits ?? 0 > hits + 400 {
                history.append("near \(seen)")
                isNear = true
            }
            // Others have work too.
            try await redis.eventLoop.sleep(for: .milliseconds(1))
        }
    }
}
