import RedisCore
import TestSupport
import Testing

@testable import Coordination

@Suite struct FencedScriptTests {
    private static let add = FencedScript(
        "test.add",
        "local v = redis.call('HINCRBY', KEYS[1], ARGV[1], ARGV[2]) redis.call('PEXPIRE', KEYS[1], 60000) return v")
    private static let none = FencedScript(
        "test.none", "redis.call('SET', KEYS[2], #KEYS .. ' ' .. #ARGV, 'PX', 60000)")

    /// An older and a newer holder of one name.
    private func withRivals(_ body: (RedisServer, Lease, Lease) async throws -> Void) async throws {
        try await withRedis { server, redis in
            let old = try await Locks(redis).acquire("a", ttl: .seconds(600))
            let new = try await Locks(redis).takeOver("a", ttl: .seconds(600), by: "test", reason: "")
            try await body(server, old, new)
            try await old.release()
            try await new.release()
        }
    }

    @Test func `a caller's own script runs for the newest holder only`() async throws {
        try await withRivals { server, old, new async throws in
            #expect(try await old.fenced(Self.add, "stock", arguments: ["x", 3], as: Int.self) == 3)
            #expect(try await new.fenced(Self.add, "stock", arguments: ["x", 4], as: Int.self) == 7)
            #expect(try await old.fenced(Self.add, "stock", arguments: ["x", 5], as: Int.self) == nil)
            #expect(try server("HGET", "stock", "x") == "7")
        }
    }

    @Test func `it sees its own keys and arguments alone, and nil is a result`() async throws {
        try await withRivals { server, _, new async throws in
            let result = try await new.fenced(Self.none, "{s}", keys: ["{s}:2"], arguments: ["x"], as: Int?.self)
            #expect(result == .some(.none))
            #expect(try server("GET", "{s}:2") == "2 1")
        }
    }

    @Test func `strings, fields and deletion share one guard`() async throws {
        try await withRivals { server, old, new async throws in
            #expect(try await old.fencedSet(fields: ["x": 1, "y": "two"], of: "stock", expiry: .seconds(60)))
            #expect(try server("HGETALL", "stock").strings.sorted() == ["1", "two", "x", "y"])
            #expect(try await old.fencedDelete("nothing") == false)
            #expect(try await new.fencedDelete("stock") == true)
            #expect(try await old.fencedSet(fields: ["x": 1], of: "stock", expiry: .seconds(60)) == false)
            #expect(try await old.fencedSet("x", to: "stock", expiry: .seconds(60)) == false)
            #expect(try await old.fencedDelete("stock") == nil)
            #expect(try server("EXISTS", "stock") == 0)
        }
    }

    @Test func `no field, and a key whose slot cannot be told, are refused`() async throws {
        try await withRivals { _, _, new async throws in
            await expectError(.invalidArgument) { try await new.fencedSet(fields: [:], of: "stock") }
            await expectError(.invalidArgument) { try await new.fencedDelete("a{}") }
        }
    }
}
