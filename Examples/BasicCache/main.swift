// Values with a time to live: set, get, many at once, counters, conditional writes, keys by pattern.
//
//     swift run BasicCache
//
// Redis is $REDIS_URL; without it an embedded redis-server is started, which ends with the program.

import Cache
import EmbeddedRedis
import Foundation
import RedisCore

struct User: Codable, Sendable, Equatable {
    var name: String
    var visits: Int
}

/// A miss is nil; `lookup` tells it from an outage and from a value that cannot be read.
func single(_ cache: RedisCache) async throws {
    try await cache.set("user:1", User(name: "Ada", visits: 1))
    let user: User? = try await cache.get("user:1")
    print("user:1 is \(user?.name ?? "nobody")")
    print("user:2 is \(try await cache.get("user:2", as: User.self)?.name ?? "nobody")")
    print("a default: \(try await cache.get("greeting", default: "hello"))")
    print("deleted: \(try await cache.delete("user:1", "user:2"))")
}

/// One round trip each, however many there are.
func many(_ cache: RedisCache) async throws {
    try await cache.setMany(["color:1": "red", "color:2": "green", "color:3": "blue"], ttl: .after(.seconds(300)))
    let colors = try await cache.getMany(["color:1", "color:3", "color:9"], as: String.self)
    print("found: \(colors.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", "))")
    print("of three keys exist: \(try await cache.exists("color:1", "color:2", "color:9"))")
    // What is interpolated matches itself: a wildcard in a user's input stays an ordinary character.
    let input = "*"
    print("colors: \(try await cache.keys(matching: "color:*").count)")
    print("colors of user \(input): \(try await cache.keys(matching: "color:\(input)").count)")
    print("deleted by pattern: \(try await cache.deleteMany(matching: "color:*"))")
}

/// Missing, endless and limited are three answers, not three numbers.
func times(_ cache: RedisCache) async throws {
    func describe(_ key: String) async throws -> String {
        switch try await cache.ttl(key) {
        case .missing: "missing"
        case .never: "never"
        case .remaining(let time): time > .seconds(60) ? "more than a minute" : "a minute or less"
        }
    }
    try await cache.set("report", "…", ttl: .after(.seconds(3_600)))
    print("report ends in: \(try await describe("report")); nothing: \(try await describe("nothing"))")
    try await cache.expire("report", after: .seconds(30))
    print("after expire: \(try await describe("report"))")
    try await cache.persist("report")
    print("after persist: \(try await describe("report"))")
    try await cache.touch("report")
    print("after touch, the default: \(try await describe("report"))")
}

/// Atomic on the server; the time to live begins with the first count.
func counting(_ cache: RedisCache) async throws {
    try await cache.increment("views", ttl: .after(.seconds(60)))
    print("views: \(try await cache.increment("views", by: 10)), then \(try await cache.decrement("views", by: 2))")
    let score: Double = try await cache.increment("score", by: 2.5)
    print("score: \(score)")
}

/// Two writers, and only one of them knows the value that is there.
func conditional(_ cache: RedisCache) async throws {
    try await cache.set("seat:7", "free")
    let first = try await cache.compareAndSet("seat:7", expected: "free", new: "ada")
    let second = try await cache.compareAndSet("seat:7", expected: "free", new: "bob")
    print("ada got the seat: \(first), bob: \(second)")
    print("added again: \(try await cache.add("seat:7", "cy"))")
    print("taken out: \(try await cache.getAndDelete("seat:7", as: String.self) ?? "nothing")")
}

/// Lives that reads renew, up to an absolute end, and an observer that hears what the cache does.
func watched(_ redis: RedisClient) async throws {
    let heard = CacheObserver { event in
        switch event.kind {
        case .hit: print("heard: a hit of \(event.key ?? "?")")
        case .miss: print("heard: a miss of \(event.key ?? "?")")
        default: break
        }
    }
    let options = CacheOptions(sliding: .init(idle: .seconds(1_800), upTo: .seconds(86_400)), observer: heard)
    let carts = RedisCache(redis, prefix: "example:basic:carts", options: options)
    try await carts.set("ada", ["tea"])
    print("in the cart: \(try await carts.get("ada", default: [String]()))")
    print("in another: \(try await carts.get("bob", default: [String]()))")
    try await carts.delete("ada")
}

let url = ProcessInfo.processInfo.environment["REDIS_URL"]
let server = url == nil ? try await EmbeddedServer.start() : nil
let configuration = try server?.configuration ?? RedisConfiguration(url: url ?? "")

try await RedisClient.withClient(configuration) { redis in
    let cache = RedisCache(
        redis, prefix: "example:basic", options: CacheOptions(defaultTTL: .after(.seconds(600))))
    _ = try await cache.flush()
    try await single(cache)
    try await many(cache)
    try await times(cache)
    try await counting(cache)
    try await conditional(cache)
    try await watched(redis)
    print("flushed at the end: \(try await cache.flush())")
}
await server?.stop()
