public import FoundationEssentials
import RedisCore

/// How wide a bucket is; days begin at midnight UTC.
public enum CounterUnit: String, Sendable, Hashable, CaseIterable {
    /// 60 s.
    case minute
    /// 60 minutes.
    case hour
    /// 24 hours.
    case day

    /// µs.
    var width: Int64 {
        switch self {
        case .minute: 60_000_000
        case .hour: 3_600_000_000
        case .day: 86_400_000_000
        }
    }
}

/// One bucket of a series.
public struct CounterBucket: Sendable, Hashable {
    /// When it began, by the server's clock.
    public let start: Date
    /// What was counted in it.
    public let count: Int
}

/// Counters by minute, hour or day on the server's clock: how many in the last N, and the series for a chart.
///
/// ```swift
/// let views = Counters(redis, name: "views").by(.minute, keep: 60)
/// try await views.add("home")
/// let lastHour = try await views.sum("home", last: 60)
/// ```
///
/// The clocks of the processes that count do not matter. Promises and errors are those of ``Counters``, of which they
/// are independent: adding here does not change the counter of the same id there. A counter is one hash of at most
/// `keep` buckets; it ends by itself `keep` + 1 buckets after the last one that was counted in.
///
/// Should the server's clock be set back, counts of what is then the future wait there until their time comes.
public struct WindowedCounters: Sendable {
    /// Most buckets of one counter.
    static let mostBuckets = 4_096

    let counters: Counters
    /// How wide a bucket is.
    public let unit: CounterUnit
    /// How many buckets can be read, with the current one.
    public let keep: Int

    /// Adds to the current bucket; its count after it.
    ///
    /// As ``Counters/increment(_:by:requestID:)-(_,Int,_)``.
    @discardableResult
    public func add(_ id: String, by amount: Int = 1, requestID: String? = nil) async throws -> Int {
        let key = try key(id, "add")
        let keys = try counters.keys(key, requestID, .add, "add")
        let arguments: [any RedisArgument] = [amount, unit.width, keep, try counters.options.memory("add")]
        return try await counters.call("add", key) { redis throws(RedisError) in
            try await redis.evaluate(
                CountersScripts.addToBucket(isMarked: requestID != nil), keys: keys, arguments: arguments,
                as: String.self, timeout: counters.options.timeout)
        }
    }

    /// What was counted in the last `buckets` buckets, the current one included: 1 to ``keep``.
    ///
    /// Throws `outOfRange` when the sum has more than 64 bits.
    public func sum(_ id: String, last buckets: Int) async throws -> Int {
        try await series(id, last: buckets).reduce(0) { sum, bucket in
            let (next, overflows) = sum.addingReportingOverflow(bucket.count)
            guard !overflows else {
                throw CacheError(
                    .outOfRange, operation: "sum", message: "the sum of \(buckets) buckets has more than 64 bits")
            }
            return next
        }
    }

    /// The last `buckets` buckets, the oldest first, the current one last: 1 to ``keep``.
    ///
    /// Buckets in which nothing was counted are there, with 0.
    public func series(_ id: String, last buckets: Int) async throws -> [CounterBucket] {
        let key = try key(id, "series")
        guard (1...keep).contains(buckets) else {
            throw CacheError(
                .invalidArgument, operation: "series", message: "\(buckets) buckets were asked for; give 1 to \(keep)")
        }
        let reply = try await counters.ask("series", key) { redis throws(RedisError) in
            try await redis.evaluate(
                CountersScripts.series, keys: [key], arguments: [buckets, unit.width], as: [Int?].self,
                timeout: counters.options.timeout)
        }
        guard let current = reply.first ?? nil, reply.count == buckets + 1 else {
            throw CacheError(
                .undecodable, operation: "series", key: key.name, message: "\(key.name) gave no \(buckets) buckets")
        }
        return reply.dropFirst().enumerated().map { index, count in
            let start = Double(Int64(current - buckets + 1 + index) * (unit.width / 1_000_000))
            return CounterBucket(start: Date(timeIntervalSince1970: start), count: count ?? 0)
        }
    }

    /// Forgets all buckets; true if there were any.
    @discardableResult
    public func reset(_ id: String) async throws -> Bool {
        let key = try key(id, "reset")
        return try await counters.ask("reset", key) { redis throws(RedisError) in
            try await redis.command(
                RedisCommand("UNLINK", key).safeToRepeat(), as: Bool.self, timeout: counters.options.timeout)
        }
    }

    private func key(_ id: String, _ operation: String) throws(CacheError) -> RedisKey {
        guard (1...Self.mostBuckets).contains(keep) else {
            throw CacheError(
                .invalidArgument, operation: operation,
                message: "\(keep) buckets are to be kept; give 1 to \(Self.mostBuckets)")
        }
        return CacheKeys.buckets(of: try counters.key(id, operation), unit)
    }
}
