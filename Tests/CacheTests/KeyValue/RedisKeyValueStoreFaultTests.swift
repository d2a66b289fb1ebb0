import Cache
import RedisCore
import TestSupport
import Testing

/// The store while Redis is away, comes back, or refuses.
@Suite struct RedisKeyValueStoreFaultTests {
    @Test func `after a restart the store goes on with what Redis kept`() async throws {
        try await withRedis(.init(persistent: true)) { server, redis in
            let store = RedisKeyValueStore(redis, prefix: "myapp", timeout: .milliseconds(200))
            let patient = RedisKeyValueStore(redis, prefix: "myapp", timeout: .seconds(60))
            try await patient.set("a", 1)
            await server.kill()
            for _ in 0..<6 { await expectError(.unavailable) { try await store.find("a", as: Int.self) } }
            try await server.start()
            try await eventually("the store to answer again") { (try? await store.find("a")) == 1 }
            try await patient.set("b", 2)
            #expect(try await patient.keys().sorted() == ["a", "b"])
        }
    }

    @Test func `a server that hangs costs at most the time-out, and is no miss`() async throws {
        try await withRedis(.init()) { server, redis in
            let store = RedisKeyValueStore(redis, prefix: "myapp", timeout: .milliseconds(100))
            try await RedisKeyValueStore(redis, prefix: "myapp", timeout: .seconds(60)).set("a", 1)
            server.pause()
            await expectError(.unavailable) { try await store.find("a", as: Int.self) }
            await expectError(.unavailable) { try await store.keys() }
            server.resume()
            try await eventually("the store to answer again") { (try? await store.find("a")) == 1 }
        }
    }

    @Test func `a wrong password is told as what it is, without the password`() async throws {
        try await withRedisServer(.init(directives: ["requirepass": "right"])) { server in
            var configuration = server.configuration
            configuration.password = Secret("hunter2")
            try await withClient(configuration) { redis in
                let store = RedisKeyValueStore(redis, prefix: "myapp", timeout: .seconds(60))
                let error = await expectError(.unavailable) { try await store.find("a", as: Int.self) }
                let underlying = try #require(error?.underlying as? RedisError)
                #expect(underlying.code == .wrongPassword)
                #expect(error.map { !"\($0)".contains("hunter2") } ?? false)
            }
        }
    }

    @Test func `a read-only server serves reads and refuses writes`() async throws {
        try await withRedis(.init()) { server, redis in
            let store = RedisKeyValueStore(redis, prefix: "myapp", timeout: .seconds(60))
            try await store.set("a", 1)
            try server("CONFIG", "SET", "min-replicas-to-write", "3")
            #expect(try await store.find("a") == 1)
            await expectError(.unavailable) { try await store.set("a", 2) }
            await expectError(.unavailable) { try await store.delete("a") }
            #expect(try await store.find("a") == 1)
            try server("CONFIG", "SET", "min-replicas-to-write", "0")
            try await store.set("a", 2)
            #expect(try await store.find("a") == 2)
        }
    }

    @Test func `a full server refuses writes, keeps reads, and lets room be made`() async throws {
        try await withRedis(.init()) { server, redis in
            let store = RedisKeyValueStore(redis, prefix: "myapp", timeout: .seconds(60))
            try await store.set("a", 1)
            try server("CONFIG", "SET", "maxmemory-policy", "noeviction")
            try server("CONFIG", "SET", "maxmemory", "1")
            #expect(try await store.find("a") == 1)
            let error = await expectError(.unavailable) { try await store.set("b", 1) }
            #expect((error?.underlying as? RedisError)?.code == .outOfMemory)
            #expect(try await store.delete("a"))
            try server("CONFIG", "SET", "maxmemory", "0")
            try await store.set("b", 1)
        }
    }

    @Test(arguments: ["EVALSHA", "MGET", "UNLINK", "SCAN"])
    func `a lost reply is repeated and changes nothing`(_ command: String) async throws {
        try await withRedisServer { server in
            try await withFaultProxy(to: server.tcp) { proxy in
                try await withClient(proxy.configuration) { redis in
                    let store = RedisKeyValueStore(redis, prefix: "myapp", timeout: .seconds(20))
                    try await store.set("a", 1)
                    proxy.set(.cutBeforeReply(match: command))
                    try await store.set("b", 2)
                    #expect(try await store.find("b") == 2)
                    #expect(try await store.keys().sorted() == ["a", "b"])
                    _ = try await store.deleteKeys("b")
                    #expect(try await store.keys() == ["a"])
                    try await proxy.faultDone.wait()
                }
            }
        }
    }

    @Test func `a cancelled call ends with CancellationError`() async throws {
        try await withRedis(.init()) { server, redis in
            let store = RedisKeyValueStore(redis, prefix: "myapp", timeout: .seconds(60))
            try await store.set("a", 1)
            server.pause()
            let reads = [
                Task { _ = try await store.find("a", as: Int.self) }, Task { _ = try await store.keys() },
                Task { _ = try await store.deleteKeys("a") },
            ]
            for task in reads {
                task.cancel()
                await #expect(throws: CancellationError.self) { try await task.value }
            }
            server.resume()
        }
    }
}
