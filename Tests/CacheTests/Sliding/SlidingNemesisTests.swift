import RedisCore
import Synchronization
import TestSupport
import Testing

@testable import Cache

/// T2 under load for sliding entries: a renewal neither brings back what was deleted nor goes beyond the absolute end.
@Suite struct SlidingNemesisTests {
    /// Nearly as long idle as in all: nearly every renewal would go beyond the end, if it could.
    private let options = CacheOptions(
        timeout: .milliseconds(300), failure: .closed,
        sliding: SlidingExpiry(idle: .milliseconds(600_000), upTo: .milliseconds(600_001)))

    private final class Deleted: Sendable {
        private let keys = Mutex<[String]>([])
        var all: [String] { keys.withLock { $0 } }
        var last: String? { keys.withLock { $0.suffix(8).randomElement() } }
        func note(_ key: String) { keys.withLock { $0.append(key) } }
    }

    @Test(arguments: Nemesis.allCases)
    func `no read renews beyond the end, or what was deleted`(nemesis: Nemesis) async throws {
        try await withNemesis(nemesis) { server, one, other in
            let load = NemesisLoad { isRefusal($0) }
            let deleted = Deleted()
            let caches = [one, other].map { RedisCache($0, prefix: "app", options: options) }
            for (client, cache) in caches.enumerated() {
                load.add("setter \(client)") { step in
                    let key = "once\(client)-\(step)"
                    try await cache.set(key, step)
                    for reader in caches { _ = try await reader.get(key, as: Int.self) }
                    try await cache.delete(key)
                    deleted.note(key)
                }
                load.add("keeper \(client)") { step in
                    // Written seldom and read often: most of its life is renewed.
                    let key = "kept\(client)"
                    if step % 50 == 0 { try await cache.set(key, step) }
                    _ = try await caches[step % 2].get(key, as: Int.self)
                    _ = try await caches[step % 2].getMany([key, "once\(client)-\(step)"], as: Int.self)
                }
                load.add("reader \(client)") { _ in
                    guard let key = deleted.last else { return }
                    if try await cache.get(key, as: Int.self) != nil { load.note("\(key) was deleted and is read") }
                }
            }
            try await load.run(nemesis, on: server)
            #expect(load.surprises.isEmpty, "\(load.surprises.prefix(5))")
            #expect(!deleted.all.isEmpty)
            try await untilAnswered(one, other)
            let unhurried = caches.map { cache in cache.with { $0.timeout = .seconds(60) } }
            for key in deleted.all { #expect(try server("EXISTS", "app:\(key)") == 0, "\(key)") }
            for client in 0..<2 {
                try await unhurried[client].set("kept\(client)", -1)
                // Minutes later, so that a life that was renewed in full would be far beyond the end.
                try server.age(["app:kept\(client)"], minutes: 5)
                for cache in unhurried { #expect(try await cache.get("kept\(client)", as: Int.self) == -1) }
                // More than a turn of the server takes, which is between the time a script reads and the end it sets.
                #expect(try overstay(server, "app:kept\(client)") < 60_000)
            }
        }
    }

    /// By how many ms an entry outlives its absolute end.
    private func overstay(_ server: RedisServer, _ key: String) throws -> Int {
        let script = """
            local left = redis.call('PEXPIRETIME', KEYS[1])
            if left < 0 then return 1000000 end
            local written = struct.unpack('>I8', redis.call('GETRANGE', KEYS[1], 6, 13))
            return left - math.floor(written / 1000) - 600001
            """
        return try #require(try server("EVAL", script, "1", key).int)
    }
}
