import Foundation
import Logging
import InMemoryTracing
import Metrics
import TestSupport
import Testing
import Tracing

@testable import EventBus

private struct Marking: EventMiddleware {
    var name: String
    var seen: Recorder<String>

    func handle(_ event: RawEvent, context: EventContext, next: @escaping EventHandler) async throws {
        seen.record("\(name) before")
        defer { seen.record("\(name) after") }
        try await next(event, context)
    }
}

/// Does not call `next`.
private struct Swallowing: EventMiddleware {
    func handle(_ event: RawEvent, context: EventContext, next: @escaping EventHandler) async throws {}
}

/// Hands on another event.
private struct Doubling: EventMiddleware {
    func handle(_ event: RawEvent, context: EventContext, next: @escaping EventHandler) async throws {
        try await next(RawEvent(json: Array(#"{"type":"ping","payload":{"n":84}}"#.utf8)), context)
    }
}

@Suite("Middleware")
struct MiddlewareTests {
    private func run(
        _ middleware: [any EventMiddleware], handler: @escaping @Sendable (Ping, EventContext) async throws -> Void,
        _ body: @escaping @Sendable (TestBus, EventSubscriber) async throws -> Void
    ) async throws {
        try await withBus(.memory) { bus in
            var options = EventSubscriber.Options()
            options.middleware = middleware
            let register = { (subscriber: EventSubscriber) in _ = subscriber.on(Ping.self, handler: handler) }
            try await bus.run(options: options, register: register) { subscriber, _ in try await body(bus, subscriber) }
        }
    }

    @Test func `the first middleware is the outermost and sees what the handler throws`() async throws {
        let seen = Recorder<String>()
        let chain = [Marking(name: "outer", seen: seen), Marking(name: "inner", seen: seen)]
        try await run(chain, handler: { _, _ in throw HandlerError() }) { bus, subscriber in
            try await bus.publisher().publish(Ping(n: 1), to: "c")
            try await eventually { subscriber.statistics.failed == 1 }
        }
        #expect(seen.values == ["outer before", "inner before", "inner after", "outer after"])
    }

    @Test func `middleware may swallow an event or hand on another`() async throws {
        let seen = Recorder<Int>()
        try await run([Swallowing()], handler: { ping, _ in seen.record(ping.n) }) { bus, subscriber in
            try await bus.publisher().publish(Ping(n: 1), to: "c")
            try await eventually { subscriber.statistics.handled == 1 }
        }
        #expect(seen.values.isEmpty)
        try await run([Doubling()], handler: { ping, _ in seen.record(ping.n) }) { bus, _ in
            try await bus.publisher().publish(Ping(n: 42), to: "c")
            #expect(try await seen.wait(count: 1) == [84])
        }
    }

    @Test func `a handler beyond its time is cancelled and fails as timed out`() async throws {
        let clock = ManualClock()
        let cancelled = TestSignal("the cancellation")
        let failures = Recorder<EventFailure>()
        let timeout = TimeoutMiddleware(.seconds(30), clock: clock)
        let handler: @Sendable (Ping, EventContext) async throws -> Void = { ping, _ in
            guard ping.n == 2 else { return }
            do { try await untilCancelled() } catch { cancelled.fire() }
        }
        try await run([timeout], handler: handler) { bus, subscriber in
            subscriber.onError { failures.record($0) }
            try await bus.publisher().publish(Ping(n: 1), to: "c")
            try await eventually { subscriber.statistics.handled == 1 }
            try await bus.publisher().publish(Ping(n: 2), to: "c")
            try await eventually { clock.sleepers == 1 }
            #expect(failures.values.isEmpty)
            clock.advance(by: .seconds(30))
            try await cancelled.wait(within: .seconds(60))
            let error = try await failures.wait(count: 1).first?.error as? EventBusError
            #expect(error?.code == .timedOut && error?.eventType == "ping" && error?.channel == "c")
        }
    }

    @Test func `logging writes one line a call with handler and duration`() async throws {
        let lines = LogLines()
        let logging = LoggingMiddleware(level: .info, failureLevel: .critical)
        try await withBus(.memory) { bus in
            var options = EventSubscriber.Options()
            options.middleware = [logging]
            let register = { (subscriber: EventSubscriber) in
                _ = subscriber.on(Ping.self) { ping, _ in if ping.n == 2 { throw HandlerError() } }
            }
            try await bus.run(options: options, logger: lines.logger, register: register) { subscriber, _ in
                try await bus.publisher().publish(Ping(n: 1), id: "x", to: "c")
                try await eventually { subscriber.statistics.handled == 1 }
                try await bus.publisher().publish(Ping(n: 2), to: "c")
                try await eventually { subscriber.statistics.failed == 1 }
            }
        }
        let good = try #require(lines.all.first { $0.level == .info })
        #expect(good.metadata["handler"] == "ping" && good.metadata["event_id"] == "x")
        #expect(good.metadata["channel"] == "c" && good.metadata["duration"] != nil)
        let bad = try #require(lines.all.first { $0.level == .critical })
        #expect(bad.metadata["error"] == "the handler's own words")
    }

    @Test func `metrics count calls by handler and outcome and never by a name from the network`() async throws {
        let metrics = RecordingMetrics()
        var options = EventSubscriber.Options()
        options.middleware = [MetricsMiddleware(factory: metrics)]
        options.metrics = metrics
        var publishing = EventPublisher.Options()
        publishing.metrics = metrics
        let (receiving, sending) = (options, publishing)
        try await withBus(.memory) { bus in
            let register = { (subscriber: EventSubscriber) in
                subscriber.on(Ping.self) { ping, _ in if ping.n == 2 { throw HandlerError() } }
                subscriber.on("*") { _, _ in }
            }
            try await bus.run(options: receiving, register: register) { subscriber, _ in
                let publisher = bus.publisher(options: sending)
                for n in 1...3 { try await publisher.publish(Ping(n: n), to: "c") }
                try await publisher.publish(Pong(text: ""), to: "c")
                await expectFailure(.invalidArgument) { try await publisher.publish(Ping(n: 4), to: "") }
                try await bus.publish(raw: [0x7B])
                try await eventually { subscriber.statistics.handled == 6 && subscriber.statistics.undecodable == 1 }
            }
        }
        #expect(metrics.counters["signalbox_event_handler_calls_total handler=ping outcome=ok"] == 2)
        #expect(metrics.counters["signalbox_event_handler_calls_total handler=ping outcome=failed"] == 1)
        #expect(metrics.counters["signalbox_event_handler_calls_total handler=* outcome=ok"] == 4)
        #expect(metrics.timers["signalbox_event_handler_duration handler=ping"] == 3)
        #expect(metrics.counters["signalbox_events_published_total"] == 4)
        #expect(metrics.counters["signalbox_events_publish_failed_total"] == 1)
        #expect(metrics.counters["signalbox_events_received_total"] == 5)
        #expect(metrics.counters["signalbox_event_failures_total kind=undecodable"] == 1)
        #expect(metrics.counters["signalbox_event_failures_total kind=handler"] == 1)
    }

    @Test func `a trace goes from the publisher's span to the handler's`() async throws {
        let tracer = InMemoryTracer()
        var options = EventSubscriber.Options()
        options.middleware = [TracingMiddleware(tracer: tracer)]
        var publishing = EventPublisher.Options()
        publishing.instrument = tracer
        let (receiving, sending) = (options, publishing)
        try await withBus(.memory) { bus in
            let seen = Recorder<[String: String]?>()
            let register = { (subscriber: EventSubscriber) in
                _ = subscriber.on(Ping.self) { ping, context in
                    seen.record(context.trace)
                    if ping.n == 2 { throw HandlerError() }
                }
            }
            try await bus.run(options: receiving, register: register) { subscriber, _ in
                let publisher = bus.publisher(options: sending)
                try await tracer.withSpan("request") { _ in
                    _ = try await publisher.publish(Ping(n: 1), id: "i", to: "c")
                }
                try await eventually { subscriber.statistics.handled == 1 }
                try await publisher.publish(Ping(n: 2), to: "c")
                try await eventually { subscriber.statistics.failed == 1 }
            }
            #expect(seen.values.first??.isEmpty == false)
            #expect(seen.values.last == .some(nil))
        }
        let request = try #require(tracer.finishedSpans.first { $0.operationName == "request" })
        let handled = tracer.finishedSpans.filter { $0.operationName == "process ping" }
        #expect(handled.count == 2)
        #expect(handled.first?.traceID == request.traceID && handled.first?.parentSpanID == request.spanID)
        #expect(handled.first?.kind == .consumer && handled.first?.errors.isEmpty == true)
        #expect(handled.last?.traceID != request.traceID && handled.last?.errors.count == 1)
    }
}
