import FoundationEssentials
import RedisCore
import TestSupport

@testable import Cache

/// A call of one verb, and what it answers and leaves when a reply of it is lost.
///
/// There are the values `a` = 1 and, with the tag `t`, `b` = 2, and the counters `n` = 5 and `f` = 1.5; all end soon.
struct VerbTrial: Sendable {
    /// Part of the command whose reply is lost: a name, a key, or a script's SHA-1.
    let cut: String
    /// It is sent again by itself; else the caller is told that nobody knows.
    let isRepeated: Bool
    let call: @Sendable (RedisCache) async throws -> String
    let answer: String
    /// What is answered when the call was executed and then repeated, if that is something else.
    var answerAgain: String?
    /// What one effect changes of the state.
    let changes: [String: String]
    let before: @Sendable (RedisCache) async throws -> Void

    static let gone = "gone"

    static func repeated(
        _ cut: String, _ answer: String, again: String? = nil, _ changes: [String: String] = [:],
        before: @escaping @Sendable (RedisCache) async throws -> Void = { _ in },
        _ call: @escaping @Sendable (RedisCache) async throws -> String
    ) -> VerbTrial {
        VerbTrial(
            cut: cut, isRepeated: true, call: call, answer: answer, answerAgain: again, changes: changes,
            before: before)
    }

    static func unknown(
        _ cut: String, _ changes: [String: String], _ call: @escaping @Sendable (RedisCache) async throws -> Void
    ) -> VerbTrial {
        VerbTrial(
            cut: cut, isRepeated: false,
            call: {
                try await call($0)
                return ""
            }, answer: "", changes: changes, before: { _ in })
    }

    static let scripts = [
        CacheScripts.set(isConditional: false), CacheScripts.delete, CacheScripts.swap, CacheScripts.life,
        CounterScripts.increment, CounterScripts.incrementFloat, TagScripts.stamp, TagScripts.reap, TagScripts.retire,
    ]

    static func prepare(_ cache: RedisCache) async throws {
        let soon = CacheTTL.after(.seconds(90))
        try await cache.set("a", 1, ttl: soon)
        try await cache.set("b", 2, ttl: soon, tags: ["t"])
        try await cache.increment("n", by: 5, ttl: soon)
        try await cache.increment("f", by: 1.5, ttl: soon)
    }

    /// More than one chunk or page has.
    static let manyNames = (0..<1_200).map { "m:\($0)" }

    static func many(_ cache: RedisCache) async throws {
        try await cache.setMany(Dictionary(uniqueKeysWithValues: manyNames.map { ($0, 1) }))
    }

    /// Keys with their values and lives: `soon` up to 100 s, `later`, `never`; how many there are of `m:…`.
    static func state(_ server: RedisServer, _ cache: RedisCache) async throws -> [String: String] {
        var state: [String: String] = [:]
        var many = 0
        for key in try server("KEYS", "*").strings {
            guard !key.hasPrefix("app:m:") else {
                many += 1
                continue
            }
            let life = try server("PTTL", key).int ?? -2
            let end = life == -1 ? "never" : life <= 100_000 ? "soon" : "later"
            guard let name = cache.keys.name(of: RedisKey(key)) else {
                state[key] = end
                continue
            }
            let value = try await cache.get(name, as: Double.self)
            state[name] = "\(value.map { "\($0)" } ?? "dead") \(end)"
        }
        if many > 0 { state["m"] = "\(many)" }
        return state
    }
}

extension CacheVerb {
    var trials: [VerbTrial] { readTrials ?? writeTrials ?? changeTrials }

    private var readTrials: [VerbTrial]? {
        switch self {
        case .get: [.repeated("MGET", "1") { "\(try await $0.get("a", default: 0))" }]
        case .getDefault: [.repeated("MGET", "8") { "\(try await $0.get("none", default: 8))" }]
        case .lookup: [.repeated("MGET", "1") { "\(try await $0.lookup("a", as: Int.self).value ?? 0)" }]
        case .getMany: [.repeated("MGET app:a", "2") { "\(try await $0.getMany(["a", "b"], as: Int.self).count)" }]
        case .exists: [.repeated("GETRANGE app:a", "2") { "\(try await $0.exists("a", "b", "c"))" }]
        case .existing: [.repeated("GETRANGE app:a", "[\"a\"]") { "\(try await $0.existing(["a", "c"]))" }]
        case .ttl: [.repeated("PTTL", "missing") { "\(try await $0.ttl("c"))" }]
        case .keys: [.repeated("SCAN", "4") { "\(try await $0.keys().count)" }]
        case .scan: [.repeated("SCAN", "4") { "\(try await $0.scan().reduce(0) { count, _ in count + 1 })" }]
        default: nil
        }
    }

    private var writeTrials: [VerbTrial]? {
        let set = CacheScripts.set(isConditional: false).sha
        let delete = CacheScripts.delete.sha + " 2 app:"
        let gone = VerbTrial.gone
        return switch self {
        case .set: [.repeated(set, "done", ["a": "7.0 later"]) { done(try await $0.set("a", 7)) }]
        case .setMany:
            [
                .repeated("EXEC", "done", ["c": "7.0 later"]) { done(try await $0.setMany(["c": 7])) },
                .repeated("EXEC", "done", ["m": "1200"]) { done(try await VerbTrial.many($0)) },
                // Cut in the middle: not even half of it is there meanwhile.
                .repeated(":m:700", "done", ["m": "1200"]) { done(try await VerbTrial.many($0)) },
            ]
        case .add: [.unknown(set, ["c": "4.0 later"]) { _ = try await $0.add("c", 4) }]
        case .replace:
            [.unknown(CacheScripts.swap.sha, ["a": "4.0 later"]) { _ = try await $0.replace("a", 4) }]
        case .delete:
            [.repeated(delete + "a ", "1", again: "0", ["a": gone]) { "\(try await $0.delete("a", "none"))" }]
        case .deleteMany:
            [
                .repeated(delete + "b ", "1", again: "0", ["b": gone]) { "\(try await $0.deleteMany(["b"]))" },
                .repeated("app:m:1199", "done", ["m": gone], before: VerbTrial.many) {
                    done(try await $0.deleteMany(VerbTrial.manyNames))
                },
            ]
        case .deleteMatching:
            [.repeated(delete + "n ", "1", again: "0", ["n": gone]) { "\(try await $0.deleteMany(matching: "n*"))" }]
        case .flush:
            [
                .repeated("app:f", "done", ["a": gone, "b": gone, "n": gone, "f": gone]) { done(try await $0.flush()) },
                .repeated("SCAN", "4", ["a": gone, "b": gone, "n": gone, "f": gone]) { "\(try await $0.flush())" },
            ]
        case .rename: [.unknown("RENAME", ["a": gone, "c": "1.0 soon"]) { try await $0.rename("a", to: "c") }]
        default: nil
        }
    }

    private var changeTrials: [VerbTrial] {
        let (swap, life, stamp) = (CacheScripts.swap.sha, CacheScripts.life.sha, TagScripts.stamp.sha)
        let (count, countFraction) = (CounterScripts.increment.sha, CounterScripts.incrementFloat.sha)
        let gone = VerbTrial.gone
        return switch self {
        case .getAndDelete: [.unknown("GETDEL", ["a": gone]) { _ = try await $0.getAndDelete("a", as: Int.self) }]
        case .compareAndSet:
            [
                .unknown(swap, ["a": "3.0 soon"]) { _ = try await $0.compareAndSet("a", expected: 1, new: 3) },
                .unknown(CacheScripts.set(isConditional: true).sha, ["c": "3.0 later"]) {
                    _ = try await $0.compareAndSet("c", expected: nil, new: 3)
                },
            ]
        case .compareAndDelete: [.unknown(swap, ["a": gone]) { _ = try await $0.compareAndDelete("a", expected: 1) }]
        case .increment: [.unknown(count, ["n": "7.0 soon"]) { try await $0.increment("n", by: 2) }]
        case .decrement: [.unknown(count, ["n": "3.0 soon"]) { try await $0.decrement("n", by: 2) }]
        case .incrementFraction:
            [.unknown(countFraction, ["f": "1.75 soon"]) { try await $0.increment("f", by: 0.25) }]
        case .decrementFraction:
            [.unknown(countFraction, ["f": "1.25 soon"]) { try await $0.decrement("f", by: 0.25) }]
        case .expireAfter:
            [.repeated(life, "true", ["a": "1.0 later"]) { "\(try await $0.expire("a", after: .seconds(900)))" }]
        case .expireAt:
            [
                .repeated(life, "true", ["a": "1.0 later"]) {
                    "\(try await $0.expire("a", at: Date(timeIntervalSinceNow: 90_000)))"
                },
                .repeated(life, "true", again: "false", ["a": gone]) {
                    "\(try await $0.expire("a", at: Date(timeIntervalSince1970: 1)))"
                },
            ]
        case .persist:
            [.repeated(life, "true", again: "false", ["a": "1.0 never"]) { "\(try await $0.persist("a"))" }]
        case .touch: [.repeated(life, "true", ["a": "1.0 later"]) { "\(try await $0.touch("a"))" }]
        case .invalidate:
            [
                .repeated(stamp, "done", ["b": "dead soon", "{app}:tag:t": "later"]) {
                    done(try await $0.invalidate(tags: "t"))
                }
            ]
        case .invalidateAll:
            [
                .repeated(stamp, "done", ["b": "dead soon", "{app}:tag:t": "later", "{app}:tag:u": "later"]) {
                    done(try await $0.invalidateAll(tags: ["t", "u"]))
                }
            ]
        case .clear:
            [
                .repeated(stamp, "done", ["a": "dead soon", "b": "dead soon", "{app}:epoch": "never"]) {
                    done(try await $0.clear())
                }
            ]
        case .reap:
            [
                .repeated(
                    TagScripts.reap.sha, "1", again: "0", ["b": gone], before: { try await $0.invalidate(tags: "t") }
                ) { "\(try await $0.reap().deleted)" },
                .repeated(
                    TagScripts.retire.sha, "2", ["a": gone, "b": gone, "{app}:epoch": "later"],
                    before: { try await $0.clear() }
                ) { "\(try await $0.reap().deleted)" },
            ]
        default: []
        }
    }
}

/// Waits for a call that answers nothing.
private func done<T>(_: T) -> String { "done" }
