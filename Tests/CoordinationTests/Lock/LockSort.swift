import RedisCore

@testable import Coordination

/// Every kind of lock that one server keeps, for tests that hold for all of them.
enum LockSort: String, CaseIterable, Sendable {
    case mutex, several, reader, writer, fair

    /// Takes one under the name `a`.
    func acquire(_ redis: RedisClient, ttl: Duration, wait: Duration? = .seconds(120)) async throws -> Lease {
        switch self {
        case .mutex: try await Locks(redis).acquire("a", ttl: ttl, wait: wait)
        case .several: try await Locks(redis).acquire(all: ["a", "b", "c"], ttl: ttl, wait: wait)
        case .reader: try await ReadWriteLocks(redis).read("a", ttl: ttl, wait: wait)
        case .writer: try await ReadWriteLocks(redis).write("a", ttl: ttl, wait: wait)
        case .fair: try await FairLocks(redis).acquire("a", ttl: ttl, wait: wait)
        }
    }

    /// Takes what the lease of this sort excludes.
    func rival(_ redis: RedisClient, ttl: Duration) async throws -> Lease {
        try await (self == .reader ? .writer : self).acquire(redis, ttl: ttl)
    }

    /// Where the rival listens.
    var channels: String {
        switch self {
        case .mutex, .several: "signalbox:lock:{a}:wake:*"
        case .reader, .writer: "signalbox:rw:{a}:wake:*"
        case .fair: "signalbox:fair:{a}:wake:*"
        }
    }

    /// The scripts that take, renew and give back.
    var scripts: (acquire: RedisScript, renew: RedisScript, release: RedisScript) {
        switch self {
        case .mutex: (LockScripts.acquire, LockScripts.renewMany, LockScripts.release)
        case .several: (MultiLockScripts.acquire, MultiLockScripts.renew, MultiLockScripts.release)
        case .reader: (ReadWriteScripts.read, ReadWriteScripts.renew, ReadWriteScripts.release)
        case .writer: (ReadWriteScripts.write, ReadWriteScripts.renew, ReadWriteScripts.release)
        case .fair: (FairScripts.acquire, LockScripts.renewMany, FairScripts.release)
        }
    }

    /// What the server has of leases, waiters and queues; fences are not part of it.
    static func leftovers(_ keys: [String]) -> [String] { keys.filter { !$0.hasSuffix(":fence") }.sorted() }
}
