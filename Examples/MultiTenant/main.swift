// Tenants that share a Redis and nothing else, whatever they are called.
//
//     swift run MultiTenant
//
// Redis is $REDIS_URL; without it an embedded redis-server is started, which ends with the program.

import Cache
import EmbeddedRedis
import Foundation
import RedisCore

/// Ids as a hostile user would choose them: to reach into another's keys, to match them, or to steer them.
let tenants = ["acme", "acme:settings", "a*", "*", "{x}", "[a-z]", "%2A", "../acme"]

let url = ProcessInfo.processInfo.environment["REDIS_URL"]
let server = url == nil ? try await EmbeddedServer.start() : nil
let configuration = try server?.configuration ?? RedisConfiguration(url: url ?? "")

try await RedisClient.withClient(configuration) { redis in
    let cache = RedisCache(redis, prefix: "example:tenants")
    _ = try await cache.flush()

    for id in tenants {
        let tenant = cache.tenant(id)
        try await tenant.set("settings", "settings of \(id)")
        try await tenant.set("x", "x of \(id)")
        try await tenant.namespace("users").set("1", "first user of \(id)")
    }
    var isOwn = true
    var sizes: Set<Int> = []
    for id in tenants {
        let tenant = cache.tenant(id)
        let found = try await tenant.getMany(["settings", "users:1"], as: String.self)
        isOwn = isOwn && found == ["settings": "settings of \(id)", "users:1": "first user of \(id)"]
        sizes.insert(try await tenant.keys().count)
    }
    print("\(tenants.count) tenants, each reads its own: \(isOwn)")
    print("keys that each of them sees: \(sizes.sorted().map(String.init).joined(separator: ", "))")
    print("keys of acme: \(try await cache.tenant("acme").keys().sorted().joined(separator: ", "))")
    print("in Redis: \(try cache.tenant("acme:settings").redisKey("x").name)")

    // A tenant that is called like a wildcard leaves, and nobody else does.
    print("flushed of *: \(try await cache.tenant("*").flush())")
    var left: [String] = []
    for id in tenants where try await cache.tenant(id).exists("settings") == 1 { left.append(id) }
    print("left: \(left.joined(separator: " "))")

    // One step however many keys there are; what they held counts as missing at once, for everybody.
    try await cache.tenant("acme").clear()
    print("acme after clear: \(try await cache.tenant("acme").get("settings", as: String.self) ?? "nothing")")
    print("a* after that: \(try await cache.tenant("a*").get("settings", as: String.self) ?? "nothing")")
    print("flushed of all: \(try await cache.flush())")
}
await server?.stop()
