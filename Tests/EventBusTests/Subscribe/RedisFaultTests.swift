import Logging
import RedisCore
import ServiceLifecycle
import Synchronization
import TestSupport
import Testing

@testable import EventBus

/// What Redis and the network do to a bus; every test has a server of its own.
@Suite("Faults of Redis and the network")
struct RedisFaultTests {
    /// A client that comes back at once, so that no test waits for a pause.
    private func configuration(_ base: RedisConfiguration) -> RedisConfiguration {
        var configuration = base
        configuration.reconnect = ReconnectPolicy(initialDelay: .milliseconds(5), maxDelay: .milliseconds(20))
        // A heartbeat that is missed because the machine is busy would be one more gap.
        configuration.heartbeat = .seconds(600)
        return configuration
    }

    private func withRunning(
        _ configuration: RedisConfiguration, _ server: RedisServer, _ seen: Recorder<String>,
        _ body: @escaping @Sendable (TestBus, EventSubscriber) async throws -> Void
    ) async throws {
        try await within(.seconds(300)) {
            let client = try await RedisClient.connect(self.configuration(configuration))
            let bus = TestBus(kind: .redis(client, server))
            let register = { (subscriber: EventSubscriber) in
                subscriber.on(Ping.self) { ping, _ in seen.record("\(ping.n)") }
                subscriber.onGap { _ in seen.record("gap") }
            }
            do {
                try await bus.run(patterns: ["p.*"], register: register) { subscriber, _ in
                    try await body(bus, subscriber)
                }
            } catch {
                await client.close()
                throw error
            }
            await client.close()
        }
    }

    @Test func `after a restart of the server the gap is reported and events flow again`() async throws {
        try await withRedisServer { server in
            let seen = Recorder<String>()
            try await withRunning(server.configuration, server, seen) { bus, subscriber in
                try await bus.publisher().publish(Ping(n: 1), to: "c")
                try await seen.wait(count: 1)
                try await server.restart()
                try await seen.wait(count: 2)
                try await bus.publisher().publish(Ping(n: 2), to: "c")
                try await seen.wait(count: 3)
                try await bus.publisher().publish(Ping(n: 3), to: "p.x")
                #expect(try await seen.wait(count: 4) == ["1", "gap", "2", "3"])
                #expect(subscriber.statistics.gaps == 1)
            }
        }
    }

    @Test func `after CLIENT KILL of the subscriber the gap is reported and events flow again`() async throws {
        try await withRedisServer(.init(checksLeaks: true)) { server in
            let seen = Recorder<String>()
            try await withRunning(server.configuration, server, seen) { bus, _ in
                for round in 1...3 {
                    try server("CLIENT", "KILL", "TYPE", "pubsub")
                    try await eventually { seen.values.count { $0 == "gap" } == round }
                    try await bus.publisher().publish(Ping(n: round), to: "c")
                    try await seen.wait(count: 2 * round)
                }
                #expect(seen.values == ["gap", "1", "gap", "2", "gap", "3"])
            }
        }
    }

    @Test func `a cut connection is a gap, and messages before and after it arrive once`() async throws {
        try await withRedisServer { server in
            try await withFaultProxy(to: server.tcp) { proxy in
                let seen = Recorder<String>()
                try await withRunning(proxy.configuration, server, seen) { bus, _ in
                    for n in 1...10 { try server("PUBLISH", "c", #"{"type":"ping","payload":{"n":\#(n)}}"#) }
                    try await seen.wait(count: 10)
                    proxy.cut(reset: true)
                    try await seen.wait(count: 11)
                    for n in 11...20 { try server("PUBLISH", "c", #"{"type":"ping","payload":{"n":\#(n)}}"#) }
                    let all = try await seen.wait(count: 21)
                    #expect(all.filter { $0 == "gap" }.count == 1)
                    #expect(Set(all.prefix(10)) == Set((1...10).map(String.init)))
                    #expect(Set(all.suffix(10)) == Set((11...20).map(String.init)))
                }
            }
        }
    }

    @Test func `a server that refuses connections fails publish and run with the reason`() async throws {
        try await withRedisServer { server in
            try await within(.seconds(300)) {
                var configuration = self.configuration(server.configuration)
                configuration.commandTimeout = .milliseconds(300)
                let client = RedisClient(configuration)
                await server.kill()
                let publisher = EventPublisher(client, source: "test")
                let published = await expectFailure(.publishFailed) { try await publisher.publish(Ping(n: 1), to: "c") }
                #expect((published?.underlying as? RedisError)?.wasWritten == false)
                #expect(published?.channel == "c")
                await expectFailure(.publishFailed) { try await publisher.publish([Ping(n: 1), Ping(n: 2)], to: "c") }
                let subscriber = EventSubscriber(client, channels: ["c"])
                let run = await expectFailure(.subscribeFailed) { try await subscriber.run() }
                #expect(run?.underlying is RedisError)
                await client.close()
            }
        }
    }

    @Test func `an event whose reply was lost is not sent again and says that it may have arrived`() async throws {
        try await withRedisServer { server in
            try await withFaultProxy(to: server.tcp) { proxy in
                try await within(.seconds(300)) {
                    let listener = try server.connect(timeout: .seconds(60))
                    try listener.send(raw: Array("SUBSCRIBE c\r\n".utf8))
                    _ = try listener.receive()
                    let client = try await RedisClient.connect(self.configuration(proxy.configuration))
                    let publisher = EventPublisher(client, source: "test")
                    proxy.set(.cutBeforeReply(match: "PUBLISH"))
                    let error = await expectFailure(.publishFailed) { try await publisher.publish(Ping(n: 1), to: "c") }
                    #expect((error?.underlying as? RedisError)?.wasWritten == true)
                    #expect(try listener.receive().array?.last?.string?.contains(#""n":1"#) == true)
                    proxy.set(.pass)
                    try await publisher.publish(Ping(n: 2), to: "c")
                    #expect(try listener.receive().array?.last?.string?.contains(#""n":2"#) == true)
                    await client.close()
                }
            }
        }
    }

    @Test func `a batch is one round trip and its order is the order of arrival`() async throws {
        try await withRedisServer { server in
            let client = try await RedisClient.connect(server.configuration)
            let listener = try server.connect(timeout: .seconds(60))
            try listener.send(raw: Array("SUBSCRIBE c\r\n".utf8))
            _ = try listener.receive()
            let results = try await EventPublisher(client, source: "test").publish(
                (0..<500).map { Ping(n: $0) }, to: "c")
            #expect(results.count == 500)
            for n in 0..<500 {
                let event = try RawEvent(json: Array((listener.receive().array?.last?.string ?? "").utf8))
                #expect(try event.decodePayload(as: Ping.self) == Ping(n: n))
            }
            await client.close()
        }
    }

    @Test func `closing the client under a running subscriber ends the run with an error`() async throws {
        try await withRedisServer(.init(checksLeaks: true)) { server in
            try await within(.seconds(300)) {
                let client = try await RedisClient.connect(server.configuration)
                let subscribed = TestSignal("the subscription")
                var options = EventSubscriber.Options()
                options.onSubscribed = { subscribed.fire() }
                let subscriber = EventSubscriber(client, channels: ["c"], options: options)
                async let run = expectFailure(.subscriptionEnded) { try await subscriber.run() }
                try await subscribed.wait(within: .seconds(60))
                await client.close()
                #expect(await run?.operation == "run")
            }
        }
    }

    @Test func `a graceful shutdown while Redis does not answer ends the run`() async throws {
        try await withRedisServer { server in
            try await within(.seconds(300)) {
                let client = try await RedisClient.connect(server.configuration)
                server.pause()
                let subscriber = EventSubscriber(client, channels: ["c"])
                let group = ServiceGroup(services: [subscriber], logger: Logger(label: "group"))
                let run = Task { try await group.run() }
                try await eventually { subscriber.activity.withLock { $0.isRunning } }
                await group.triggerGracefulShutdown()
                _ = await run.result
                #expect(subscriber.statistics.received == 0)
                server.resume()
                await client.close()
            }
        }
    }

    @Test func `a subscriber that the ACL forbids its channel says so`() async throws {
        try await withRedisServer { server in
            try await within(.seconds(300)) {
                try server("ACL", "SETUSER", "limited", "on", ">pw", "~*", "+@all", "resetchannels", "&allowed")
                var configuration = server.configuration
                configuration.username = "limited"
                configuration.password = Secret("pw")
                let client = try await RedisClient.connect(configuration)
                let subscriber = EventSubscriber(client, channels: ["forbidden"])
                let error = await expectFailure(.subscribeFailed) { try await subscriber.run() }
                #expect((error?.underlying as? RedisError)?.code == .noPermission)
                let publisher = EventPublisher(client, source: "test")
                let refused = await expectFailure(.publishFailed) {
                    try await publisher.publish(Ping(n: 1), to: "forbidden")
                }
                #expect((refused?.underlying as? RedisError)?.code == .noPermission)
                let batch = try await publisher.publish([
                    OutgoingEvent(Ping(n: 1), channel: "forbidden"), OutgoingEvent(Ping(n: 2), channel: "allowed"),
                ])
                #expect(throws: EventBusError.self) { try batch[0].get() }
                #expect(try batch[1].get() == 0)
                await client.close()
            }
        }
    }
}
