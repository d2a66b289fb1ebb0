import FoundationEssentials
import RedisCore

@testable import Cache

/// A call and the round trips it takes, with the values of ``VerbTrial`` in place.
struct VerbCost: Sendable {
    let what: String
    let roundTrips: Int
    var before: @Sendable (RedisCache) async throws -> Void = { _ in }
    let call: @Sendable (RedisCache) async throws -> Void

    init(
        _ roundTrips: Int, _ what: String = "",
        before: @escaping @Sendable (RedisCache) async throws -> Void = { _ in },
        _ call: @escaping @Sendable (RedisCache) async throws -> Void
    ) {
        (self.what, self.roundTrips, self.before, self.call) = (what, roundTrips, before, call)
    }

    /// Their names take more than the part of an entry that `exists` reads.
    static let manyTags = (0..<60).map { "a-long-tag-number-\($0)" }
}

extension CacheVerb {
    var costs: [VerbCost] { readCosts ?? writeCosts ?? changeCosts }

    private var readCosts: [VerbCost]? {
        switch self {
        case .get:
            [
                VerbCost(1) { _ = try await $0.get("a", as: Int.self) },
                VerbCost(1, "none") { _ = try await $0.get("none", as: Int.self) },
                VerbCost(1, "with tags that are named") { _ = try await $0.get("b", as: Int.self, tags: ["t"]) },
                VerbCost(2, "with tags") { _ = try await $0.get("b", as: Int.self) },
            ]
        case .getDefault: [VerbCost(1) { _ = try await $0.get("none", default: 1) }]
        case .lookup: [VerbCost(1) { _ = try await $0.lookup("a", as: Int.self) }]
        case .getMany:
            [
                VerbCost(0, "no keys") { _ = try await $0.getMany([], as: Int.self) },
                VerbCost(1) { _ = try await $0.getMany(["a", "n", "none"], as: Int.self) },
                VerbCost(2, "with tags") { _ = try await $0.getMany(["a", "b"], as: Int.self) },
            ]
        case .exists:
            [
                VerbCost(0, "no keys") { _ = try await $0.exists() },
                VerbCost(1) { _ = try await $0.exists("a", "n", "none") },
                VerbCost(2, "with tags") { _ = try await $0.exists("a", "b") },
                VerbCost(
                    3, "with very many tags",
                    before: { cache in
                        for key in ["x", "y", "z"] { try await cache.set(key, 1, tags: VerbCost.manyTags) }
                    }, { _ = try await $0.exists("x", "y", "z") }),
            ]
        case .existing: [VerbCost(1) { _ = try await $0.existing(["a", "n", "none"]) }]
        case .ttl: [VerbCost(1) { _ = try await $0.ttl("a") }]
        case .keys: [VerbCost(1, "one page") { _ = try await $0.keys() }]
        case .scan: [VerbCost(1, "one page") { for try await _ in $0.scan() {} }]
        default: nil
        }
    }

    private var writeCosts: [VerbCost]? {
        let hundred = Dictionary(uniqueKeysWithValues: (0..<100).map { ("m:\($0)", $0) })
        return switch self {
        case .set:
            [
                VerbCost(1) { try await $0.set("a", 2) },
                VerbCost(1, "with tags") { try await $0.set("a", 2, tags: ["t"]) },
            ]
        case .add:
            [
                VerbCost(1) { _ = try await $0.add("c", 1) },
                VerbCost(1, "taken") { _ = try await $0.add("a", 1) },
                VerbCost(2, "taken by one with tags") { _ = try await $0.add("b", 1) },
                VerbCost(2, "taken by a dead one", before: { try await $0.clear() }) { _ = try await $0.add("a", 1) },
            ]
        case .replace:
            [
                VerbCost(2) { _ = try await $0.replace("a", 1) },
                VerbCost(1, "none") { _ = try await $0.replace("none", 1) },
                VerbCost(3, "with tags") { _ = try await $0.replace("b", 1) },
            ]
        case .setMany:
            [
                VerbCost(0, "no values") { try await $0.setMany([String: Int]()) },
                VerbCost(1, "a hundred") { try await $0.setMany(hundred, ttl: .after(.seconds(60)), tags: ["t"]) },
            ]
        case .delete: [VerbCost(0, "no keys") { try await $0.delete() }, VerbCost(1) { try await $0.delete("a", "b") }]
        case .deleteMany: [VerbCost(1, "a hundred") { try await $0.deleteMany(hundred.keys) }]
        case .deleteMatching:
            [
                VerbCost(1, "none matches") { try await $0.deleteMany(matching: "x*") },
                VerbCost(2, "one page") { try await $0.deleteMany(matching: "a*") },
            ]
        case .flush: [VerbCost(2, "one page") { try await $0.flush() }]
        case .rename:
            [
                VerbCost(1) { try await $0.rename("a", to: "c") },
                VerbCost(1, "none") { try await $0.rename("none", to: "c") },
            ]
        default: nil
        }
    }

    private var changeCosts: [VerbCost] {
        switch self {
        case .getAndDelete:
            [
                VerbCost(1) { _ = try await $0.getAndDelete("a", as: Int.self) },
                VerbCost(1, "none") { _ = try await $0.getAndDelete("none", as: Int.self) },
                VerbCost(2, "with tags") { _ = try await $0.getAndDelete("b", as: Int.self) },
            ]
        case .compareAndSet:
            [
                VerbCost(2) { _ = try await $0.compareAndSet("a", expected: 1, new: 2) },
                VerbCost(1, "unequal") { _ = try await $0.compareAndSet("a", expected: 2, new: 3) },
                VerbCost(3, "with tags") { _ = try await $0.compareAndSet("b", expected: 2, new: 3) },
                VerbCost(1, "none expected") { _ = try await $0.compareAndSet("c", expected: nil, new: 3) },
            ]
        case .compareAndDelete:
            [
                VerbCost(2) { _ = try await $0.compareAndDelete("a", expected: 1) },
                VerbCost(1, "unequal") { _ = try await $0.compareAndDelete("a", expected: 2) },
            ]
        case .increment: [VerbCost(1) { try await $0.increment("n", by: 2) }]
        case .decrement: [VerbCost(1) { try await $0.decrement("n", by: 2) }]
        case .incrementFraction: [VerbCost(1) { try await $0.increment("f", by: 0.5) }]
        case .decrementFraction: [VerbCost(1) { try await $0.decrement("f", by: 0.5) }]
        case .expireAfter: [VerbCost(1) { try await $0.expire("a", after: .seconds(60)) }]
        case .expireAt: [VerbCost(1) { try await $0.expire("a", at: Date(timeIntervalSinceNow: 60)) }]
        case .persist: [VerbCost(1) { try await $0.persist("a") }]
        case .touch: [VerbCost(1) { try await $0.touch("a") }]
        case .invalidate: [VerbCost(1) { try await $0.invalidate(tags: "t", "u") }]
        case .invalidateAll:
            [
                VerbCost(0, "no tags") { try await $0.invalidateAll(tags: []) },
                VerbCost(2, "more than a thousand") { try await $0.invalidateAll(tags: (0..<1_200).map { "t\($0)" }) },
            ]
        case .clear: [VerbCost(1) { try await $0.clear() }]
        case .reap:
            [
                VerbCost(4, "nothing is dead, one has tags") { try await $0.reap() },
                VerbCost(6, "one page", before: { try await $0.clear() }) { try await $0.reap() },
            ]
        default: []
        }
    }
}
