import RedisCore
import TestSupport
import Testing

@testable import Cache

/// Caches with and without sliding lives against a model, on a real server, for many simulated hours.
@Suite struct SlidingModelTests {
    /// What one key is by the model; all in minutes from now on.
    private struct Entry: Equatable {
        var value: Int
        /// nil for none.
        var end: Int?
        /// The end that nothing moves, and what a read gives; nil for an entry that does not slide.
        var last: Int?
        var idle: Int?

        static func sliding(_ value: Int, _ idle: Int) -> Entry {
            Entry(value: value, end: min(idle, 615), last: 615, idle: idle)
        }

        mutating func renew() {
            guard let idle, let last else { return }
            let life = min(idle, last)
            if end.map({ $0 < life }) ?? true { end = life }
        }

        mutating func age(_ minutes: Int) -> Bool {
            last = last.map { $0 - minutes }
            end = end.map { $0 - minutes }
            return end ?? 1 > 0
        }
    }

    private static let names = ["a", "b", "c"]

    @Test(arguments: 1...60) func `lives are those of the model`(seed: UInt64) async throws {
        // Those that `persist` was meant for have no end.
        try await withRedis(.init()) { server, redis in
            let cache = RedisCache(redis, prefix: "app", options: .slides)
            let plain = cache.with {
                $0.sliding = nil
                $0.defaultTTL = .after(.minutes(405))
            }
            var random = SplitMix(seed: seed)
            var model: [String: Entry] = [:]
            for step in 0..<40 {
                let name = Self.names[Int(random.next() % 3)]
                let done = try await Self.step(Int(random.next() % 16), name, step, &model, cache, plain, server)
                for name in Self.names {
                    let left = model[name].map { $0.end ?? -1 }
                    #expect(try server.minutes("app:" + name) == left, "\(name) after \(done), step \(step)")
                    #expect(try await plain.get(name, as: Int.self) == model[name]?.value)
                }
            }
        }
    }

    /// One operation of the caches and of the model.
    private static func step(
        _ choice: Int, _ name: String, _ step: Int, _ model: inout [String: Entry], _ cache: RedisCache,
        _ plain: RedisCache, _ server: RedisServer
    ) async throws -> String {
        switch choice {
        case 0:
            try await cache.set(name, step)
            model[name] = .sliding(step, 150)
            return "set"
        case 1:
            try await cache.setMany([name: step], ttl: .after(.minutes(210)))
            model[name] = .sliding(step, 210)
            return "setMany"
        case 2:
            let isNever = step % 2 == 0
            try await (isNever ? cache : plain).set(name, step, ttl: isNever ? .never : .default)
            model[name] = Entry(value: step, end: isNever ? nil : 405)
            return "set without sliding"
        case 3:
            #expect(try await cache.add(name, step) == (model[name] == nil))
            model[name] = model[name] ?? .sliding(step, 150)
            return "add"
        case 4, 5, 6:
            #expect(try await cache.get(name, as: Int.self) == model[name]?.value)
            model[name]?.renew()
            return "get"
        case 7:
            #expect(try await cache.getMany(names, as: Int.self) == model.mapValues(\.value))
            for name in names { model[name]?.renew() }
            return "getMany"
        case 8:
            #expect(try await cache.exists(name) == (model[name] == nil ? 0 : 1))
            return "exists"
        case 9:
            try await cache.delete(name)
            model[name] = nil
            return "delete"
        case 10:
            #expect(try await cache.expire(name, after: .minutes(345)) == (model[name] != nil))
            if let entry = model[name] { model[name]?.end = min(345, entry.last ?? 345) }
            return "expire"
        case 11:
            _ = try await (step % 2 == 0 ? cache : plain).persist(name)
            if let entry = model[name] { model[name]?.end = entry.last }
            return "persist"
        case 12:
            _ = try await plain.touch(name)
            if let entry = model[name] { model[name]?.end = min(entry.idle ?? 405, entry.last ?? 405) }
            return "touch"
        case 13:
            guard let old = model[name] else { return "nothing" }
            let one = step % 2 == 0 ? cache : plain
            #expect(try await one.compareAndSet(name, expected: old.value, new: step))
            model[name]?.value = step
            return "compareAndSet"
        default:
            let hours = choice == 14 ? 1 : 2
            try server.age(names.map { "app:" + $0 }, minutes: 60 * hours)
            for name in names {
                guard var entry = model[name] else { continue }
                model[name] = entry.age(60 * hours) ? entry : nil
            }
            return "\(hours) h"
        }
    }
}
