import Logging
import RedisCore
import ServiceLifecycle
import TestSupport
import Testing

@testable import EventBus

/// What carries the events of a conformance test.
enum Carrier: String, CaseIterable, CustomTestStringConvertible {
    case memory, redis

    var testDescription: String { rawValue }
}

/// One of the two buses, behind what a conformance test needs of it.
struct TestBus: Sendable {
    enum Kind: Sendable {
        case memory(InMemoryEventBus)
        case redis(RedisClient, RedisServer)
    }

    let kind: Kind

    func publisher(_ source: String = "test", options: EventPublisher.Options = .init()) -> EventPublisher {
        switch kind {
        case .memory(let bus): EventPublisher(bus, source: source, options: options)
        case .redis(let client, _): EventPublisher(client, source: source, options: options)
        }
    }

    func subscriber(
        _ channels: [String] = ["c"], patterns: [String] = [], options: EventSubscriber.Options = .init(),
        logger: Logger? = nil
    ) -> EventSubscriber {
        switch kind {
        case .memory(let bus):
            EventSubscriber(bus, channels: channels, patterns: patterns, options: options, logger: logger)
        case .redis(let client, _):
            EventSubscriber(client, channels: channels, patterns: patterns, options: options, logger: logger)
        }
    }

    /// Puts any bytes on a channel.
    func publish(raw bytes: [UInt8], to channel: String = "c") async throws {
        switch kind {
        case .memory(let bus): bus.publish(raw: bytes, to: channel)
        case .redis(let client, _): _ = try await client.publish(bytes, to: channel)
        }
    }

    /// Returns when everything published so far lies in the subscribers' buffers.
    func arrival() async throws {
        guard case .redis(let client, _) = kind else { return }
        // All subscriptions of a client share a connection, so what was published before arrives before.
        let marker = try await client.subscribe(channels: ["arrival"])
        _ = try await client.publish("1", to: "arrival")
        _ = await marker.nextBatch()
        await marker.cancel()
    }

    /// How many names are subscribed to.
    func subscriptions(to channel: String = "c") throws -> Int {
        switch kind {
        case .memory(let bus): bus.subscriptionCount
        case .redis(_, let server): try server("PUBSUB", "NUMSUB", channel).array?.last?.int ?? -1
        }
    }
}

/// Runs a body with a bus of its own, and checks that no subscription is left.
func withBus(
    _ carrier: Carrier, _ server: RedisServerOptions = .init(checksLeaks: true),
    _ body: @escaping @Sendable (TestBus) async throws -> Void
) async throws {
    try await within(.seconds(300)) {
        switch carrier {
        case .memory:
            let bus = InMemoryEventBus()
            try await body(TestBus(kind: .memory(bus)))
            #expect(bus.subscriptionCount == 0)
        case .redis:
            try await withRedisServer(server) { server in
                var configuration = server.configuration
                // A busy machine may have a heartbeat missed, which costs the connection and what is published then.
                configuration.heartbeat = .seconds(600)
                let client = try await RedisClient.connect(configuration)
                do {
                    try await body(TestBus(kind: .redis(client, server)))
                } catch {
                    await client.close()
                    throw error
                }
                await client.close()
            }
        }
    }
}

/// Runs a subscriber in a service group while the body runs, then shuts it down gracefully.
func whileRunning(
    _ subscriber: EventSubscriber, subscribed: TestSignal, _ body: (ServiceGroup) async throws -> Void
) async throws {
    let group = ServiceGroup(services: [subscriber], logger: Logger(label: "group") { _ in SwiftLogNoOpLogHandler() })
    let run = Task { try await group.run() }
    do {
        try await subscribed.wait(within: .seconds(60))
        try await body(group)
    } catch {
        run.cancel()
        _ = await run.result
        throw error
    }
    await group.triggerGracefulShutdown()
    try await run.value
}

extension TestBus {
    /// The usual case: a subscriber with options and handlers, running while the body publishes.
    func run(
        _ channels: [String] = ["c"], patterns: [String] = [], options: EventSubscriber.Options = .init(),
        logger: Logger? = nil, register: (EventSubscriber) -> Void,
        _ body: (EventSubscriber, ServiceGroup) async throws -> Void
    ) async throws {
        let subscribed = TestSignal("the subscription")
        var options = options
        options.onSubscribed = { subscribed.fire() }
        let subscriber = subscriber(channels, patterns: patterns, options: options, logger: logger)
        register(subscriber)
        try await whileRunning(subscriber, subscribed: subscribed) { try await body(subscriber, $0) }
    }
}
