import Foundation
import Logging
import RedisCore
import ServiceLifecycle
import TestSupport
import Testing

@testable import EventBus

@Suite("Lifecycle, on both buses")
struct LifecycleTests {
    @Test(arguments: Carrier.allCases)
    func `a graceful shutdown unsubscribes first, then finishes what had arrived`(_ carrier: Carrier) async throws {
        try await withBus(carrier) { bus in
            var options = EventSubscriber.Options()
            options.concurrency = 1
            let gate = Gate()
            let seen = Recorder<Int>()
            let register = { (subscriber: EventSubscriber) in
                _ = subscriber.on(Ping.self) { ping, _ in
                    if ping.n == 0 { try await gate.pass() }
                    seen.record(ping.n)
                }
            }
            try await bus.run(options: options, register: register) { subscriber, group in
                for n in 0..<20 { try await bus.publisher().publish(Ping(n: n), to: "c") }
                try await gate.arrived.wait(within: .seconds(60))
                try await eventually { subscriber.statistics.received == 20 }
                await group.triggerGracefulShutdown()
                try await eventually { try bus.subscriptions() == 0 }
                #expect(seen.values.isEmpty)
                gate.open()
            }
            #expect(seen.values == Array(0..<20))
        }
    }

    @Test(arguments: Carrier.allCases)
    func `what was still in the buffer at a graceful shutdown is handled too`(_ carrier: Carrier) async throws {
        try await withBus(carrier) { bus in
            var options = EventSubscriber.Options()
            options.concurrency = 1
            let gate = Gate()
            let register = { (subscriber: EventSubscriber) in
                _ = subscriber.on(Ping.self) { ping, _ in if ping.n == 0 { try await gate.pass() } }
            }
            let statistics = Recorder<EventSubscriber>()
            try await bus.run(options: options, register: register) { subscriber, group in
                statistics.record(subscriber)
                try await bus.publisher().publish(Ping(n: 0), to: "c")
                try await gate.arrived.wait(within: .seconds(60))
                // More than the window of 256, so that the rest stays in the subscription's buffer.
                try await bus.publisher().publish((1...600).map { Ping(n: $0) }, to: "c")
                try await bus.arrival()
                await group.triggerGracefulShutdown()
                try await eventually { try bus.subscriptions() == 0 }
                gate.open()
            }
            #expect(statistics.values.first?.statistics.handled == 601)
            #expect(statistics.values.first?.statistics.abandoned == 0)
        }
    }

    @Test(arguments: Carrier.allCases)
    func `handlers that outlast the drain are cancelled and the rest is given up and counted`(
        _ carrier: Carrier
    ) async throws {
        try await withBus(carrier) { bus in
            var options = EventSubscriber.Options()
            options.concurrency = 2
            options.drainTimeout = .milliseconds(20)
            let started = TestSignal("a handler")
            let outcomes = Recorder<String>()
            let lines = LogLines()
            let subscribers = Recorder<EventSubscriber>()
            let register = { (subscriber: EventSubscriber) in
                subscribers.record(subscriber)
                subscriber.on(Ping.self) { ping, _ in
                    started.fire()
                    do {
                        try await untilCancelled()
                    } catch {
                        outcomes.record("cancelled")
                        throw error
                    }
                }
            }
            try await bus.run(options: options, logger: lines.logger, register: register) {
                subscriber, _ in
                try await bus.publisher().publish((0..<500).map { Ping(n: $0) }, to: "c")
                try await started.wait(count: 2, within: .seconds(60))
                try await bus.arrival()
            }
            #expect(outcomes.values == ["cancelled", "cancelled"])
            let statistics = try #require(subscribers.values.first).statistics
            #expect(statistics.abandoned == 498 && statistics.received == 500)
            #expect(statistics.handled == 0 && statistics.failed == 2)
            #expect(lines.all.contains { $0.metadata["abandoned"]?.description == "498" })
        }
    }

    @Test(arguments: Carrier.allCases)
    func `cancelling run cancels the handlers, waits for them, and unsubscribes`(_ carrier: Carrier) async throws {
        try await withBus(carrier) { bus in
            let started = TestSignal("a handler")
            let outcomes = Recorder<String>()
            let subscriber = bus.subscriber()
            subscriber.on(Ping.self) { _, _ in
                started.fire()
                do { try await untilCancelled() } catch { outcomes.record("cancelled") }
            }
            let run = Task { try await subscriber.run() }
            try await eventually { try bus.subscriptions() == 1 }
            try await bus.publisher().publish(Ping(n: 1), to: "c")
            try await started.wait(within: .seconds(60))
            run.cancel()
            await #expect(throws: CancellationError.self) { try await run.value }
            #expect(outcomes.values == ["cancelled"])
            try await eventually { try bus.subscriptions() == 0 }
        }
    }

    @Test(arguments: Carrier.allCases)
    func `a second run is an error while the first goes on, and allowed after it`(_ carrier: Carrier) async throws {
        try await withBus(carrier) { bus in
            let seen = Recorder<Int>()
            let subscriber = bus.subscriber()
            subscriber.on(Ping.self) { ping, _ in seen.record(ping.n) }
            for round in 1...2 {
                let run = Task { try await subscriber.run() }
                try await eventually { try bus.subscriptions() == 1 }
                await expectFailure(.alreadyRunning) { try await subscriber.run(channels: ["d"]) }
                try await bus.publisher().publish(Ping(n: round), to: "c")
                try await seen.wait(count: round)
                run.cancel()
                _ = await run.result
                try await eventually { try bus.subscriptions() == 0 }
            }
            #expect(seen.values == [1, 2])
        }
    }

    @Test func `a subscriber with bad options or nothing to do does not start`() async throws {
        try await withBus(.memory) { bus in
            await expectFailure(.invalidArgument) { try await bus.subscriber([]).run() }
            await expectFailure(.invalidArgument) { try await bus.subscriber([""]).run() }
            await expectFailure(.invalidArgument) { try await bus.subscriber().run(channels: ["a"], patterns: [""]) }
            let changes: [@Sendable (inout EventSubscriber.Options) -> Void] = [
                { $0.concurrency = 0 }, { $0.buffer.capacity = 0 }, { $0.drainTimeout = .seconds(-1) },
                { $0.logInterval = .seconds(-1) }, { $0.limits.maxSize = 0 }, { $0.limits.maxDepth = 513 },
            ]
            for change in changes {
                var options = EventSubscriber.Options()
                change(&options)
                let subscriber = bus.subscriber(options: options)
                let error = await expectFailure(.invalidArgument) { try await subscriber.run() }
                #expect(error?.message.contains("use ") == true)
            }
        }
    }

    @Test(arguments: Carrier.allCases)
    func `asking twice for a shutdown is asking once`(_ carrier: Carrier) async throws {
        try await withBus(carrier) { bus in
            let gate = Gate()
            try await bus.run(register: { $0.on(Ping.self) { _, _ in try await gate.pass() } }) { subscriber, group in
                try await bus.publisher().publish(Ping(n: 1), to: "c")
                try await gate.arrived.wait(within: .seconds(60))
                await group.triggerGracefulShutdown()
                await group.triggerGracefulShutdown()
                gate.open()
            }
        }
    }
}
