import FoundationEssentials
import RedisCore
import TestSupport
import Testing

@testable import Cache

/// Two writers and readers of one entry, in every order of their steps.
@Suite struct WriteThroughModelTests {
    @Test func `no order of two writers and a reader leaves an older value`() {
        let orders = WriteEvent.orders([WriteEvent.writer(1), WriteEvent.writer(2), WriteEvent.reader(1)])
        #expect(orders.count == 1_680)
        #expect(orders.compactMap(WriteRun.flaw) == [])
    }

    @Test func `nor of two readers and a deletion by key`() {
        let orders = WriteEvent.orders([
            WriteEvent.writer(1), WriteEvent.writer(2), WriteEvent.reader(1), [.delete],
        ])
        #expect(orders.compactMap(WriteRun.flaw) == [])
        let readers = WriteEvent.orders([WriteEvent.writer(1), WriteEvent.reader(1), WriteEvent.reader(2), [.delete]])
        #expect(readers.compactMap(WriteRun.flaw) == [])
    }

    @Test func `nor with leases that lapse at any moment, as long as writers end`() {
        let orders = WriteEvent.orders([WriteEvent.writer(1), WriteEvent.writer(2), WriteEvent.reader(1), [.lapse]])
        #expect(orders.count == 16_800)
        #expect(orders.compactMap(WriteRun.flaw) == [])
    }

    @Test func `a writer that dies after any step leaves nothing old, whoever else writes and reads`() {
        for steps in 1...2 {
            let dying = Array(WriteEvent.writer(1).prefix(steps))
            let orders = WriteEvent.orders([dying, WriteEvent.writer(2), WriteEvent.reader(1)])
            for order in orders {
                // The dead one's lease lapses, and then somebody looks.
                #expect(WriteRun.flaw(order) == nil)
                var run = WriteRun()
                for event in order { _ = run.take(event) }
                #expect(run.model.entry == nil || run.model.entry == run.model.source, "\(order)")
            }
        }
    }

    @Test func `two writers one after the other leave the newer value`() {
        var run = WriteRun()
        for event in WriteEvent.writer(1) + WriteEvent.writer(2) { #expect(run.take(event) == nil) }
        #expect(run.model.entry == 2)
    }

    @Test func `two writers at once leave a miss, and the next one fills again`() {
        for order in WriteEvent.orders([WriteEvent.writer(1), WriteEvent.writer(2)]) {
            var run = WriteRun()
            for event in order { _ = run.take(event) }
            let sequential = [WriteEvent.writer(1) + WriteEvent.writer(2), WriteEvent.writer(2) + WriteEvent.writer(1)]
            #expect((run.model.entry == nil) != sequential.contains(order), "\(order)")
            #expect(run.model.lease == nil && run.model.writers.isEmpty)
            for event in WriteEvent.writer(3) { _ = run.take(event) }
            #expect(run.model.entry == 3)
        }
    }

    /// The model can fail: without what the scripts do more than a plain update and delete, it does.
    @Test func `a plain update that deletes afterwards does leave an older value`() {
        struct Plain {
            var source = 0
            var entry: Int?
            var loaded: Int?
        }
        let found = WriteEvent.orders([[.commit(1), .delete], [.load(1), .fill(1)]]).contains { order in
            var plain = Plain()
            for event in order {
                switch event {
                case .commit(let version): plain.source = version
                case .delete: plain.entry = nil
                case .load: plain.loaded = plain.source
                default: plain.entry = plain.loaded
                }
            }
            return plain.entry.map { $0 != plain.source } == true
        }
        #expect(found)
    }

    @Test func `the scripts do on a real server what the model says, step by step`() async throws {
        try await withRedis { _, redis in
            let cache = RedisCache(redis, prefix: "app", options: .unhurried)
            let orders =
                WriteEvent.orders([WriteEvent.writer(1), WriteEvent.writer(2), WriteEvent.reader(1)])
                + WriteEvent.orders([WriteEvent.writer(1), WriteEvent.writer(2), [.delete], [.lapse]])
            // Each fifth of 2,800: the others differ from them in one exchange of neighbours.
            for (number, order) in orders.enumerated() where number % 5 == 0 {
                try await rehearse(order, cache, "k\(number)")
            }
        }
    }

    private func rehearse(_ order: [WriteEvent], _ cache: RedisCache, _ key: String) async throws {
        var run = WriteRun()
        var server = try WriteRehearsal(cache, key)
        try await server.start()
        for (index, event) in order.enumerated() {
            _ = run.take(event)
            try await server.take(event)
            let state = try await server.state()
            guard state == run.model else {
                Issue.record("after \(order[...index]) the server has \(state), the model \(run.model)")
                return
            }
        }
    }
}

/// The same events by the real scripts.
struct WriteRehearsal {
    private let cache: RedisCache
    private let entry: RedisKey
    private var source = 0
    private var tokens: [String: FillToken] = [:]
    private var began: [Int: Int64] = [:]
    private var granted: [Int: Int64] = [:]
    private var loaded: [Int: Int] = [:]

    init(_ cache: RedisCache, _ key: String) throws {
        self.cache = cache
        entry = try cache.redisKey(key)
        for name in ["w1", "w2", "w3", "r1", "r2"] { tokens[name] = FillToken() }
    }

    private var keys: [RedisKey] { [entry, CacheKeys.lease(of: entry), CacheKeys.writers(of: entry)] }
    private func token(_ name: String) -> FillToken { tokens[name] ?? FillToken() }
    private func bytes(_ value: Int, _ written: Int64) throws -> Data {
        try cache.pieces(value, [], entry, "test").whole(written: written)
    }

    func start() async throws { try await cache.set(String(entry.name.dropFirst("app:".count)), 0) }

    mutating func take(_ event: WriteEvent) async throws {
        let redis = cache.engine.redis
        switch event {
        case .begin(let writer):
            began[writer] = try await redis.evaluate(
                WriteScripts.begin, keys: keys, arguments: [token("w\(writer)").text, 60_000])
        case .commit(let writer): source = writer
        case .finish(let writer):
            let bytes = try bytes(writer, began[writer] ?? 0)
            let _: Int = try await redis.evaluate(
                WriteScripts.finish, keys: keys, arguments: [token("w\(writer)").text, bytes, "60000", ":wake"])
        case .acquire(let reader):
            let answer = try await cache.acquireFill(
                entry, token("r\(reader)"), replacing: .none, lease: 60_000, respect: 0, "test")
            if case .granted(let time) = answer { granted[reader] = time }
        case .load(let reader): loaded[reader] = source
        case .fill(let reader):
            guard let time = granted[reader], let value = loaded[reader] else { return }
            _ = try await cache.fill(entry, token("r\(reader)"), try bytes(value, time), life: "60000", "test")
        case .delete:
            let _: Int = try await redis.evaluate(
                CacheScripts.delete, keys: [entry, CacheKeys.lease(of: entry)], arguments: [":wake"])
        case .lapse: try await redis.delete(CacheKeys.lease(of: entry), CacheKeys.writers(of: entry))
        }
    }

    /// What the server holds, in the model's words.
    func state() async throws -> WriteModel {
        let redis = cache.engine.redis
        func name(_ text: String) -> String { tokens.first { $0.value.text == text }?.key ?? text }
        let bytes = try await redis.get(entry, as: Data.self)
        let lease = try await redis.get(CacheKeys.lease(of: entry), as: String.self)
        let writers = try await redis.command(
            RedisCommand("ZRANGE", CacheKeys.writers(of: entry), 0, -1), as: [String].self)
        let stored = bytes.flatMap { StoredEntry($0) }
        return WriteModel(
            source: source, entry: try stored.flatMap { try cache.value(of: $0, Int.self, entry, "test") },
            lease: lease.map(name), writers: Set(writers.map(name)))
    }
}
