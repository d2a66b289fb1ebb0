/// The keys of a database, page by page without blocking the server, each **once**.
///
/// SCAN's own guarantee: a key that exists from the start of the iteration to its end is found; one that comes or goes
/// meanwhile may be. The server may send a key several times while it resizes its table, so the iterator remembers all
/// keys it gave: a million keys of 30 bytes take about 110 MB, of up to 15 bytes about 40 MB.
///
/// Every iterator starts from the beginning and costs one round trip a page. It throws ``RedisError/Code/cancelled``
/// when its task is cancelled (a part of the keys must not pass for all), ``RedisError/Code/decoding`` for a key that
/// is not UTF-8, ``RedisError/Code/invalidArgument`` for a page size below 1, and whatever the command throws.
///
/// ```swift
/// for try await key in redis.scan(match: "session:*", type: .hash) { … }
/// ```
public struct RedisScan: AsyncSequence, Sendable {
    /// A key's name.
    public typealias Element = RedisKey
    /// What an iterator throws.
    public typealias Failure = RedisError

    /// What a key may hold, in the words of the TYPE command.
    @nonexhaustive
    public enum ValueType: String, Sendable, Hashable {
        /// A string, number or bitmap.
        case string
        /// A list.
        case list
        /// A set.
        case set
        /// A sorted set.
        case sortedSet = "zset"
        /// A hash.
        case hash
        /// A stream.
        case stream
    }

    let redis: RedisClient
    let pattern: String?
    let pageSize: Int
    let type: ValueType?
    let timeout: Duration?

    /// Starts from the beginning.
    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(scan: self) }

    /// Reads pages and gives their keys one by one.
    public struct AsyncIterator: AsyncIteratorProtocol {
        private let scan: RedisScan
        private var page = ScanProgress()

        init(scan: RedisScan) { self.scan = scan }

        /// The next key that was not given before; nil at the end.
        public mutating func next(isolation actor: isolated (any Actor)?) async throws(RedisError) -> RedisKey? {
            while true {
                guard !Task.isCancelled else {
                    throw RedisError(
                        .cancelled, operation: "SCAN", message: "the task that reads the keys was cancelled")
                }
                if let key = page.nextKey() { return key }
                guard let cursor = page.cursor else { return nil }
                let command = try scan.command(from: cursor)
                let reply = try await scan.redis.command(command, as: RedisValue.self, timeout: scan.timeout)
                page.read(try ScanPage(reply))
            }
        }
    }

    func command(from cursor: String) throws(RedisError) -> RedisCommand {
        guard pageSize > 0 else {
            throw RedisError(
                .invalidArgument, operation: "SCAN", message: "the page size is \(pageSize); give 1 or more")
        }
        var arguments: [any RedisArgument] = [cursor, "COUNT", pageSize]
        if let pattern { arguments += ["MATCH", pattern] }
        if let type { arguments += ["TYPE", type.rawValue] }
        return RedisCommand("SCAN", arguments: arguments)
    }
}

/// How far an iteration is: the keys of the last page, and all that were given.
struct ScanProgress {
    /// Where to read on; nil when the server has no more.
    private(set) var cursor: String? = ScanPage.start
    private var keys: [RedisKey] = []
    private var position = 0
    private var seen: Set<ExactString> = []

    mutating func read(_ page: ScanPage) {
        keys = page.keys
        position = 0
        cursor = page.cursor == ScanPage.start ? nil : page.cursor
    }

    mutating func nextKey() -> RedisKey? {
        while position < keys.count {
            let key = keys[position]
            position += 1
            if seen.insert(ExactString(key.name)).inserted { return key }
        }
        return nil
    }
}

extension RedisClient {
    /// The keys that match a glob pattern (all of them without one) and hold a type, each once; see ``RedisScan``.
    ///
    /// `count` is how many keys the server looks at for one page, not how many match: more means fewer round trips, and
    /// longer moments in which the server does nothing else. The pattern is the server's glob:
    /// ``RedisGlob/escape(_:)``. `timeout` is the deadline of one page, `configuration.commandTimeout` when nil.
    public func scan(
        match pattern: String? = nil, count: Int = 500, type: RedisScan.ValueType? = nil, timeout: Duration? = nil
    ) -> RedisScan {
        RedisScan(redis: self, pattern: pattern, pageSize: count, type: type, timeout: timeout)
    }
}
