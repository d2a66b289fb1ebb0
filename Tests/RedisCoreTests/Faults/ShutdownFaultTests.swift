import Foundation
import RedisCore
import TestSupport
import Testing

@Suite struct ShutdownFaultTests {
    private static let increment = RedisCommand("INCR", RedisKey("n"))

    private func start(_ count: Int, on client: RedisClient) -> [Task<Int, any Error>] {
        (0..<count).map { _ in Task { try await client.command(Self.increment, as: Int.self) } }
    }

    @Test func `close waits for the replies that are due`() async throws {
        try await withRedisServer { server in
            try await withFaultProxy(to: server.tcp) { proxy in
                let client = try await RedisClient.connect(impatient(proxy.address), logger: quietLogger)
                proxy.set(.delay(.milliseconds(30)))
                let pending = start(10, on: client)
                try await eventually("all are on their way") { proxy.commands(containing: "INCR n") == 10 }
                await client.close(drain: .seconds(60))
                var numbers: [Int] = []
                for task in pending { numbers.append(try await task.value) }
                #expect(numbers.sorted() == Array(1...10))
                try await eventually("every socket is closed") { proxy.open == 0 }
            }
        }
    }

    @Test func `close does not wait for a silent peer beyond its drain`() async throws {
        try await withRedisServer { server in
            try await withFaultProxy(to: server.tcp) { proxy in
                let client = try await RedisClient.connect(impatient(proxy.address), logger: quietLogger)
                proxy.set(.blackHole)
                let pending = start(3, on: client)
                try await eventually("all are on their way") { proxy.commands(containing: "INCR n") == 3 }
                try await within { await client.close(drain: .milliseconds(50)) }
                for task in pending {
                    let error = try await failure { try await task.value }
                    #expect(error?.code == .closed)
                    #expect(error?.wasWritten == true)
                }
            }
        }
    }

    @Test func `commands after close fail as closed`() async throws {
        try await withRedisServer { server in
            let client = try await RedisClient.connect(impatient(server.tcp), logger: quietLogger)
            await client.close()
            await client.close()
            #expect(try await failure { try await client.command(Self.increment) }?.code == .closed)
            #expect(try await failure { try await client.pipeline([Self.increment]) }?.code == .closed)
            #expect(try await failure { try await client.command(Self.increment, on: .control) }?.code == .closed)
            #expect(try await failure { try await client.subscribe(channels: ["c"]) }?.code == .closed)
            #expect(
                try await failure {
                    try await client.withExclusiveConnection { try await $0.command(Self.increment) }
                }?.code == .closed)
            #expect(try server("EXISTS", "n") == 0)
        }
    }

    @Test func `a command that comes while close drains fails as closed`() async throws {
        try await withRedisServer { server in
            try await withFaultProxy(to: server.tcp) { proxy in
                let client = try await RedisClient.connect(impatient(proxy.address), logger: quietLogger)
                proxy.set(.loseReplies)
                let pending = start(1, on: client)
                try await eventually("it is on its way") { proxy.commands(containing: "INCR n") == 1 }
                let closing = Task { await client.close(drain: .seconds(2)) }
                // The control connection has nothing due: it is closed as soon as the drain has begun.
                try await eventually("the drain has begun") {
                    try await failure {
                        try await client.command(RedisCommand("PING"), timeout: .milliseconds(50), on: .control)
                    }?
                    .code == .closed
                }
                let late = try await failure { try await client.command(RedisCommand("SET", RedisKey("late"), "1")) }
                #expect(late?.code == .closed)
                #expect(late?.wasWritten == false)
                await closing.value
                _ = await pending[0].result
                #expect(try server("EXISTS", "late") == 0)
            }
        }
    }

    @Test func `close while connecting ends the attempt and whoever waits for it`() async throws {
        try await withRedisServer { server in
            try await withFaultProxy(to: server.tcp) { proxy in
                proxy.set(.blackHole)
                let client = RedisClient(impatient(proxy.address), logger: quietLogger)
                let pending = start(2, on: client)
                try await eventually("a connection") { proxy.accepted == 1 }
                try await within { await client.close(drain: .zero) }
                for task in pending {
                    let error = try await failure { try await task.value }
                    #expect(error?.code == .closed)
                    #expect(error?.wasWritten == false)
                }
                try await eventually("its socket is closed") { proxy.open == 0 }
            }
        }
    }

    @Test func `close during back-off ends it`() async throws {
        try await withRedisServer { server in
            try await withFaultProxy(to: server.tcp) { proxy in
                proxy.set(.refuse)
                let configuration = impatient(proxy.address) {
                    $0.reconnect = ReconnectPolicy(initialDelay: .seconds(30), maxDelay: .seconds(30))
                }
                let client = RedisClient(configuration, logger: quietLogger)
                let pending = start(1, on: client)
                try await within { await client.close(drain: .zero) }
                #expect(try await failure { try await pending[0].value }?.code == .closed)
            }
        }
    }

    @Test func `close ends subscriptions after what is buffered`() async throws {
        try await withRedisServer { server in
            let client = try await RedisClient.connect(impatient(server.tcp), logger: quietLogger)
            let subscription = try await client.subscribe(channels: ["news"])
            let reading = Task {
                var count = 0
                for await event in subscription {
                    if case .message = event { count += 1 }
                }
                return count
            }
            try server("PUBLISH", "news", "1")
            // A reply on the same server comes after the push: order of the server's writes, not of two sockets.
            try await eventually("delivered") {
                try server.clients().contains { $0["sub"] != "0" && $0["omem"] == "0" }
            }
            await client.close()
            #expect(try await within { await reading.value } <= 1)
            try await eventually("nothing left") { try server.subscriptionsLeft().isEmpty }
        }
    }

    @Test func `a client that nobody holds any more closes its sockets`() async throws {
        try await withRedisServer { server in
            var client: RedisClient? = try await RedisClient.connect(impatient(server.tcp), logger: quietLogger)
            _ = try await client?.command(RedisCommand("PING"), on: .control)
            #expect(try server.clients().count >= 3)
            client = nil
            try await eventually("only the test's own connection is left") { try server.clients().count == 1 }
        }
    }

    /// In a process of its own, because SIGPIPE would end this one.
    ///
    /// On a Unix socket the first write after the peer's end raises it.
    @Test func `writing to a peer that has gone does not end the process`() async {
        await #expect(processExitsWith: .success) {
            try await withRedisServer { server in
                let path = server.directory + "/proxy.sock"
                try await withFaultProxy(to: server.unix, listeningOn: .unix(path: path)) { proxy in
                    try await withClient(impatient(proxy.address)) { client in
                        for _ in 0..<100 {
                            await withTaskGroup(of: Void.self) { group in
                                for _ in 0..<8 {
                                    group.addTask { _ = try? await client.command(RedisCommand("INCR", RedisKey("n"))) }
                                }
                                proxy.cut()
                            }
                        }
                    }
                }
            }
        }
    }

    @Test func `nothing is left after every kind of end`() async throws {
        try await withRedisServer { server in
            for round in 0..<5 {
                try await withFaultProxy(to: server.tcp) { proxy in
                    let client = RedisClient(impatient(proxy.address), logger: quietLogger)
                    let subscription = try await client.subscribe(channels: ["news"])
                    let pending = start(20, on: client)
                    if round % 2 == 0 { proxy.cut(reset: true) }
                    await client.close(drain: round % 3 == 0 ? .zero : .seconds(1))
                    for task in pending { _ = await task.result }
                    #expect(await subscription.nextBatch() == nil || round >= 0)
                    try await eventually("its sockets are closed") { proxy.open == 0 }
                }
            }
            try await eventually("only the test's own connection is left") { try server.clients().count == 1 }
            #expect(try server.subscriptionsLeft().isEmpty)
        }
    }
}
