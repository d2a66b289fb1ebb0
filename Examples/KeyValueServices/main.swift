// Stores, a cache and counters from one YAML text, by name; and what a mistake in such a text is told like.
//
//     swift run KeyValueServices
//
// Redis is $REDIS_URL; without it an embedded redis-server is started, which ends with the program.

import Cache
import EmbeddedRedis
import Foundation
import RedisCore
import Services

let yaml = """
    services:
      user_cache:
        type: kvstore_redis
        config:
          url: ${REDIS_URL}
          db: 0
          prefix: ${APP_NAME:users}
      session_cache:
        type: kvstore_redis
        config:
          url: ${REDIS_URL}
          db: 1
          prefix: sessions
      products:
        type: redis_cache
        config:
          url: ${REDIS_URL}
          prefix: shop
          default_ttl: ${PRODUCT_TTL:30m}
          compression: { threshold: 4KiB, level: 3 }
          remember: { jitter: 0.2, fail_safe: { max_stale: 6h } }
      views:
        type: counters
        config: { url: "${REDIS_URL}", name: views, ttl: 1d }
    """

let mistaken = """
    services:
      order_cache:
        type: kvstore_redis
        config:
          addr: localhost:6379
          db: 16
          prefx: users
      price_cache:
        type: redis_cache
        config:
          jitter: 0.2
          max_value_bytes: 1MB
      report_cache:
        type: kvstore_etcd
    """

var environment = ProcessInfo.processInfo.environment
let server = environment["REDIS_URL"] == nil ? try await EmbeddedServer.start() : nil
if let server { environment["REDIS_URL"] = "unix://\(server.configuration.endpoint)" }
environment["APP_NAME"] = nil

let services = ServiceRegistry()
services.registerAll()
try services.load(yaml: yaml, environment: environment)
print("services: \(services.names.joined(separator: ", "))")

let users: any KeyValueStore = try services.get("user_cache")
let sessions: any KeyValueStore = try services.get("session_cache")
let id = UUID().uuidString
try await users.set("user:\(id):name", "Ada", ttl: .short)
try await users.set("user:\(id):mail", "ada@example.com", ttl: .short)
try await sessions.set("session:\(id)", ["user": "Ada"], ttl: .short)
print("user: \(try await users.get("user:\(id):name", as: String.self))")
print("session of: \(try await sessions.get("session:\(id)", as: [String: String].self)["user"] ?? "nobody")")
print("keys of the user: \(try await users.keys(matching: "user:\(id):*").count)")
print("a wildcard in a user's text finds: \(try await users.keys(matching: "user:\("*"):*").count)")
print("deleted: \(try await users.deleteKeys(matching: "user:\(id):*"))")
do {
    _ = try await users.get("user:\(id):name", as: String.self)
} catch let error as CacheError {
    print("afterwards: \(error.code.rawValue)")
}
do {
    _ = try services.get("user_cache", as: RedisCache.self)
} catch let error as ServiceError {
    print(error.message)
}

let products: RedisCache = try services.get("products")
let price: Int = try await products.remember("price:\(id)") { 42 }
let views: Counters = try services.get("views")
print("a product's price: \(price), its views: \(try await views.increment(id))")

print("closing one leaves the other: \(await services.close("session_cache"))")
print("user keys: \(try await users.keys(matching: "user:\(id):*").count)")

do {
    try services.load(yaml: mistaken, file: "services.yaml", environment: environment)
} catch let error as ServiceError {
    print(error.message)
}
await services.shutDown()
await server?.stop()
