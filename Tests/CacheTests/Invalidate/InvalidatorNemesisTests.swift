import RedisCore
import TestSupport
import Testing

@testable import Cache

/// T2 under load for the invalidator: what a call has promised holds at once, what it could not do is done later.
@Suite struct InvalidatorNemesisTests {
    private let options = CacheOptions(
        timeout: .milliseconds(300),
        remember: RememberOptions(loadLease: .seconds(5), waitForOthers: .milliseconds(200)))
    private let objects = 4

    private func tags(_ id: Int) -> [String] { ["user", Invalidator.objectTag("user", id: "\(id)")] }

    private func object(_ cache: RedisCache, _ truth: Truth, _ id: Int) async throws -> Int {
        try await cache.remember("user:\(id)", tags: tags(id)) { truth.version(id) }
    }

    /// The list of all: the sum of their versions.
    private func list(_ cache: RedisCache, _ truth: Truth) async throws -> Int {
        try await cache.remember("users", tags: ["user", Invalidator.listTag("user")]) {
            (0..<truth.count).reduce(0) { $0 + truth.version($1) }
        }
    }

    /// Everything that is cached in the end is true, and nobody waits for Redis any more.
    private func settle(
        _ nemesis: Nemesis, _ caches: [RedisCache], _ truth: Truth, _ invalidators: [Invalidator]
    ) async throws {
        try await eventually("nothing waits", within: .seconds(60)) { invalidators.allSatisfy { $0.pending == 0 } }
        // What a stamp had invalidated counts again when Redis evicts the stamp.
        if nemesis == .evicting {
            try await eventually("all is invalidated") { (try? await caches[0].invalidate(tags: "user")) != nil }
        }
        for cache in caches {
            for id in 0..<truth.count {
                // A load that a busy machine holds up for longer than its lease lasts is given up.
                try await eventually("object \(id) is true") {
                    (try? await object(cache, truth, id)) == truth.version(id)
                }
            }
            let sum = (0..<truth.count).reduce(0) { $0 + truth.version($1) }
            try await eventually("the list is true") { (try? await list(cache, truth)) == sum }
        }
    }

    @Test(arguments: Nemesis.allCases)
    func `on write, nothing of before is served once a call has returned, and what waits is done`(
        nemesis: Nemesis
    ) async throws {
        try await withNemesis(nemesis) { server, one, other in
            let load = NemesisLoad { isRefusal($0, .loadTimedOut) }
            let truth = Truth(objects)
            let caches = [one, other].map { RedisCache($0, prefix: "app", options: options) }
            let invalidators = caches.map { Invalidator($0) }
            for id in 0..<truth.count {
                load.add("writer \(id)") { step in
                    let version = truth.change(id)
                    let invalidator = invalidators[id % 2]
                    if step % 5 == 4 {
                        try await invalidator.afterDelete("user", id: "\(id)")
                    } else {
                        try await invalidator.afterUpdate("user", id: "\(id)")
                    }
                    truth.invalidated(id, to: version)
                }
            }
            for (reader, cache) in caches.enumerated() {
                load.add("reader \(reader)") { step in
                    let id = step % truth.count
                    let floor = truth.floor(id)
                    let value = try await object(cache, truth, id)
                    if value < floor, nemesis != .evicting {
                        load.note("object \(id) is \(value) after \(floor) was told")
                    }
                }
                load.add("lister \(reader)") { _ in
                    let floor = (0..<truth.count).reduce(0) { $0 + truth.floor($1) }
                    let value = try await list(cache, truth)
                    if value < floor, nemesis != .evicting {
                        load.note("the list is \(value) after \(floor) was told")
                    }
                }
            }
            let once = Truth(4_000)
            for client in 0..<2 { changeOnce(client, caches[client], invalidators[client], once, load) }
            try await load.run(nemesis, on: server)
            #expect(load.surprises.isEmpty, "\(load.surprises.prefix(5))")
            try await settle(nemesis, caches, truth, invalidators)
            let found = try await caches[0].getMany((0..<once.count).map { "user:once\($0)" }, as: Int.self)
            for id in 0..<once.count {
                guard let value = found["user:once\(id)"], nemesis != .evicting else { continue }
                #expect(value == once.version(id), "what was cached before its only change came back")
            }
        }
    }

    /// Objects that are cached some time before their only change: if that meets the fault, nothing later covers it.
    private func changeOnce(
        _ client: Int, _ cache: RedisCache, _ invalidator: Invalidator, _ truth: Truth, _ load: NemesisLoad
    ) {
        load.add("once \(client)") { step in
            let (id, later) = (2 * step + client, 2 * (step + 50) + client)
            guard later < truth.count else { return }
            _ = try await cache.remember("user:once\(later)", tags: ["user"]) { truth.version(later) }
            _ = truth.change(id)
            try await invalidator.afterUpdate("user", id: "once\(id)")
        }
    }

    /// Old values may be served until an event was applied; in the end none is, whatever was lost on the way.
    @Test(arguments: Nemesis.allCases)
    func `by event, everything that was changed ends, whatever was missed`(nemesis: Nemesis) async throws {
        try await withNemesis(nemesis) { server, one, other in
            let load = NemesisLoad { isRefusal($0, .loadTimedOut) }
            let truth = Truth(objects)
            let caches = [one, other].map { RedisCache($0, prefix: "app", options: options) }
            let strategy = InvalidationStrategy.onEvent(channel: "changes")
            let events = Invalidator.Options(entities: ["user"])
            let invalidators = caches.map { Invalidator($0, strategy: strategy, options: events) }
            let appliers = invalidators.map { invalidator in Task { try await invalidator.run() } }
            defer { for applier in appliers { applier.cancel() } }
            try await eventually("both listen") {
                try server("PUBSUB", "NUMSUB", "changes").array?.last?.int == 2
            }
            for id in 0..<truth.count {
                load.add("writer \(id)") { _ in
                    _ = truth.change(id)
                    try await invalidators[id % 2].afterUpdate("user", id: "\(id)")
                }
            }
            for (reader, cache) in caches.enumerated() {
                load.add("reader \(reader)") { step in _ = try await object(cache, truth, step % truth.count) }
                load.add("lister \(reader)") { _ in _ = try await list(cache, truth) }
            }
            try await load.run(nemesis, on: server)
            #expect(load.surprises.isEmpty, "\(load.surprises.prefix(5))")
            try await settle(nemesis, caches, truth, invalidators)
            for applier in appliers {
                applier.cancel()
                await #expect(throws: CancellationError.self) { try await applier.value }
            }
        }
    }
}
