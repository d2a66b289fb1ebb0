import RedisCore
import Synchronization
import TestSupport
import Testing

@testable import Cache

/// T2 under load: the primary dies, its replica is promoted, and the address leads to it.
///
/// Replication is asynchronous: what was acknowledged just before may be lost, as any write. What is told before or
/// after, but not across the promotion, holds.
@Suite struct PromotionTests {
    /// Grows when the promotion begins and when it has ended: nothing is expected of what began in another phase.
    private final class Phase: Sendable {
        private let number = Atomic(0)

        var now: Int { number.load(ordering: .sequentiallyConsistent) }
        func next() { number.add(1, ordering: .sequentiallyConsistent) }
    }

    @Test func `caches, sessions, codes and counters go on with the promoted replica`() async throws {
        try await withRedisServer { old in
            try await withRedisServer(.init(checksLeaks: true)) { new in
                let address = try MovingAddress(to: old)
                try new("REPLICAOF", "127.0.0.1", "\(old.port)")
                try await eventually("replicated") { try new.info("replication")["master_link_status"] == "up" }
                try await withClient(old.patient { $0.endpoint = .unix(path: address.path) }) { redis in
                    let phase = Phase()
                    let load = NemesisLoad { isRefusal($0, .notFound, .revoked) }
                    remember(load, phase, redis)
                    endSessions(load, phase, redis)
                    enterCodes(load, phase, redis)
                    count(load, phase, redis)
                    try await load.run { during in
                        phase.next()
                        await old.kill()
                        try await during()
                        try new("REPLICAOF", "NO", "ONE")
                        try address.lead(to: new)
                        phase.next()
                    }
                    #expect(load.surprises.isEmpty, "\(load.surprises.prefix(5))")
                }
            }
        }
    }

    private func remember(_ load: NemesisLoad, _ phase: Phase, _ redis: RedisClient) {
        let cache = RedisCache(redis, prefix: "app", options: CacheOptions(timeout: .milliseconds(300)))
        let version = Mutex(0)
        // The least that may be read, and in which phase that was told.
        let floor = Mutex((version: 0, phase: 0))
        load.add("writer") { _ in
            let before = phase.now
            let next = version.withLock { version in
                version += 1
                return version
            }
            try await cache.invalidate(tags: "t")
            floor.withLock { $0 = (next, before) }
        }
        load.add("reader") { _ in
            let (least, before) = (floor.withLock { $0 }, phase.now)
            let value = try await cache.remember("k", tags: ["t"]) { version.withLock { $0 } }
            guard least.phase == before, phase.now == before, value < least.version else { return }
            load.note("\(value) was read after \(least.version) was told")
        }
    }

    private func endSessions(_ load: NemesisLoad, _ phase: Phase, _ redis: RedisClient) {
        let store = RedisSessionStore<Cart>(redis, options: SessionOptions(timeout: .milliseconds(300)))
        load.add("sessions") { _ in
            let before = phase.now
            let session = try await store.create(userID: "7", data: Cart())
            try await store.destroy(session.id)
            let state = try await store.state(session.id)
            if phase.now == before, state == .active { load.note("a session that was ended is active") }
        }
    }

    private func enterCodes(_ load: NemesisLoad, _ phase: Phase, _ redis: RedisClient) {
        let codes = OneTimeCodes(redis, options: OneTimeCodeOptions(timeout: .milliseconds(300)))
        load.add("codes") { number in
            let before = phase.now
            guard let code = try await codes.generate(for: "user-\(number)").code else { return }
            _ = try await codes.verify(code.text, for: "user-\(number)")
            let again = try await codes.verify(code.text, for: "user-\(number)")
            if phase.now == before, again == .accepted { load.note("a code was accepted twice") }
        }
    }

    private func count(_ load: NemesisLoad, _ phase: Phase, _ redis: RedisClient) {
        let counters = Counters(
            redis, name: "c", options: CountersOptions(ttl: .after(.seconds(600)), timeout: .milliseconds(300)))
        let last = Mutex((count: 0, phase: 0))
        load.add("counter") { _ in
            let (seen, before) = (last.withLock { $0 }, phase.now)
            let count = try await counters.increment("a")
            last.withLock { $0 = (count, before) }
            guard seen.phase == before, phase.now == before, count <= seen.count else { return }
            load.note("the counter went from \(seen.count) to \(count)")
        }
    }
}
