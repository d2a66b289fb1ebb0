import Logging
import RedisCore
import ServiceLifecycle
import TestSupport
import Testing

@Suite struct `A client in a service group` {
    @Test func `works until the graceful shutdown and is closed after it`() async throws {
        try await withRedisServer { server in
            let redis = RedisClient(server.configuration)
            let group = ServiceGroup(services: [redis], logger: Logger(label: "test"))
            let running = Task { try await group.run() }
            try await redis.set("key", to: "value", expiresIn: .seconds(60))
            await group.triggerGracefulShutdown()
            try await running.value
            await #expect(throws: RedisError.self) { try await redis.get("key") }
            try await eventually("its connections are gone") { try server.clients().count == 1 }
        }
    }

    @Test func `is closed when its task is cancelled`() async throws {
        try await withRedisServer { server in
            let redis = try await RedisClient.connect(server.configuration)
            let running = Task { try await redis.run() }
            running.cancel()
            try await running.value
            let error = await #expect(throws: RedisError.self) { try await redis.ping() }
            #expect(error?.code == .closed)
        }
    }
}
