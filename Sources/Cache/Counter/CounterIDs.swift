import FoundationEssentials
import RedisCore

/// The ids of a family's counters, page by page without blocking the server, each once.
///
/// SCAN's own guarantee: a counter that exists from the begin to the end of the iteration is found; one that comes or
/// goes meanwhile may be. Every iterator begins anew and costs one round trip for each 500 keys **of the database**, of
/// whatever family. Throws `unavailable`, `invalidArgument`, `CancellationError`. Counts by minute, hour or day are not
/// listed.
public struct CounterIDs: AsyncSequence, Sendable {
    /// A counter's id.
    public typealias Element = String
    /// `CacheError` or `CancellationError`.
    public typealias Failure = any Error

    let counters: Counters

    /// Starts from the beginning.
    public func makeAsyncIterator() -> AsyncIterator {
        let pattern = counters.keys.counters(of: counters.name)
        return AsyncIterator(
            counters: counters,
            keys: counters.engine.redis.scan(match: pattern, timeout: counters.options.timeout).makeAsyncIterator())
    }

    /// Reads pages and gives their ids one by one.
    public struct AsyncIterator: AsyncIteratorProtocol {
        let counters: Counters
        var keys: RedisScan.AsyncIterator

        /// The next id; nil at the end.
        public mutating func next() async throws -> String? {
            try counters.check("ids")
            let counters = counters
            // Through the engine, so that a server that is away is not waited for again and again.
            return try await counters.engine.call("ids", key: nil) { _ throws(RedisError) in
                while let key = try await keys.next(isolation: nil) {
                    if let id = counters.keys.id(ofCounter: key, in: counters.name) { return id }
                }
                return nil
            }
        }
    }
}

extension Counters {
    /// The ids of all counters of the family, page by page.
    public var ids: CounterIDs { CounterIDs(counters: self) }

    /// All counters of the family that hold such a number, by their ids.
    ///
    /// For families that fit into memory: the pages of ``ids``, and one round trip for each 500 counts. A counter that
    /// is reset meanwhile is left out, and so is one that holds something else, such as a fraction among whole numbers.
    public func all<Value: CounterValue>(as type: Value.Type = Int.self) async throws -> [String: Value] {
        var values: [String: Value] = [:]
        var page: [String] = []
        for try await id in ids {
            page.append(id)
            guard page.count == 500 else { continue }
            values.merge(try await numbers(page, as: type)) { $1 }
            page.removeAll(keepingCapacity: true)
        }
        values.merge(try await numbers(page, as: type)) { $1 }
        return values
    }

    /// The numbers of counters that were found; as bytes, because one that is no text must not fail the others.
    private func numbers<Value: CounterValue>(
        _ ids: [String], as type: Value.Type
    ) async throws -> [String: Value] {
        guard !ids.isEmpty else { return [:] }
        let command = RedisCommand("MGET", arguments: ids.map { keys.counter($0, of: name) })
        let found = try await ask("get", nil) { redis throws(RedisError) in
            try await redis.command(command, as: [Data?].self, timeout: options.timeout)
        }
        var values: [String: Value] = Dictionary(minimumCapacity: ids.count)
        for (id, bytes) in zip(ids, found) {
            guard let bytes, let text = String(validating: bytes, as: UTF8.self) else { continue }
            values[id] = Value(counterText: text)
        }
        return values
    }
}
