import RedisCore
import Synchronization
import TestSupport
import Testing

@testable import Cache

/// True for the documented answers to a fault, which the caller has to live with.
func isRefusal(_ error: any Error, _ codes: CacheError.Code...) -> Bool {
    (error as? CacheError).map { $0.code == .unavailable || codes.contains($0.code) } ?? false
}

/// Two clients of one server, as two processes would be, and work under a fault.
func withNemesis(
    _ nemesis: Nemesis, immortalKeyPrefixes: [String] = [], heartbeat: Duration = .seconds(60),
    _ body: (RedisServer, RedisClient, RedisClient) async throws -> Void
) async throws {
    let options = nemesis.options(immortalKeyPrefixes: immortalKeyPrefixes)
    try await withTwo(options, configure: { $0.heartbeat = heartbeat }, body)
}

/// Returns when Redis answers the caches of these clients again: after a fault, before anything is compared.
///
/// The last time-outs may have opened their circuits, and what such a call had sent may still be on its way: it is
/// over when a later one was answered.
func untilAnswered(_ clients: RedisClient...) async throws {
    let options = CacheOptions(timeout: .seconds(60), failure: .closed)
    for redis in clients {
        let cache = RedisCache(redis, prefix: "app", options: options)
        try await eventually("Redis answers", within: .seconds(60)) { (try? await cache.exists("nothing")) != nil }
    }
}

/// What was sent and what was acknowledged, by name.
final class Ledger: Sendable {
    private struct Entry {
        var sent = 0
        var acknowledged = 0
    }

    private let entries = Mutex<[String: Entry]>([:])

    /// Counts a thing as sent, does it, and counts it as acknowledged.
    func count(_ name: String, by amount: Int = 1, _ body: () async throws -> Void) async throws {
        entries.withLock { $0[name, default: Entry()].sent += amount }
        try await body()
        entries.withLock { $0[name, default: Entry()].acknowledged += amount }
    }

    func sent(_ name: String) -> Int { entries.withLock { $0[name]?.sent ?? 0 } }
    func acknowledged(_ name: String) -> Int { entries.withLock { $0[name]?.acknowledged ?? 0 } }

    /// What a count may be: all that was acknowledged, unless data was lost, and no more than was sent.
    func range(_ name: String, _ nemesis: Nemesis) -> ClosedRange<Int> {
        (nemesis.losesData ? 0 : acknowledged(name))...sent(name)
    }
}

/// A thing that is done under one id until it is acknowledged.
final class Requests: Sendable {
    private let name: String
    private let done = Mutex(0)

    init(_ name: String) { self.name = name }

    /// Those that are acknowledged.
    var count: Int { done.withLock { $0 } }

    /// The one at hand; again, if it failed.
    func next(_ body: (_ id: String) async throws -> Void) async throws {
        try await body("\(name)-\(count)")
        done.withLock { $0 += 1 }
    }
}

/// The truth that caches are about: versions that only grow, and up to which all caches have been told.
final class Truth: Sendable {
    private struct Fact {
        var version = 0
        /// When a version became the least that may be read, ns; ascending.
        var floors: [(version: Int, at: Int64)] = []
    }

    private let facts: Mutex<[Fact]>

    init(_ count: Int) { facts = Mutex(Array(repeating: Fact(), count: count)) }

    var count: Int { facts.withLock { $0.count } }
    func version(_ number: Int) -> Int { facts.withLock { $0[number].version } }

    /// The next version of a fact.
    func change(_ number: Int) -> Int {
        facts.withLock { facts in
            facts[number].version += 1
            return facts[number].version
        }
    }

    /// Nothing older than this version may be read from now on.
    func invalidated(_ number: Int, to version: Int) {
        let now = Moment.nanoseconds
        facts.withLock { $0[number].floors.append((version, now)) }
    }

    /// The least that may be read by a call that begins now, or that much later.
    func floor(_ number: Int, after patience: Duration = .zero) -> Int {
        let then = Moment.nanoseconds - Int64(patience / .nanoseconds(1))
        return facts.withLock { facts in
            facts[number].floors.last { $0.at < then }?.version ?? 0
        }
    }
}
