import Foundation
import Logging
import TestSupport
import Testing

@testable import EventBus

@Suite("Delivery, on both buses")
struct DeliveryTests {
    @Test(arguments: Carrier.allCases)
    func `a typed event reaches its handler with where it came from`(_ carrier: Carrier) async throws {
        try await withBus(carrier) { bus in
            let seen = Recorder<(Pong, EventContext)>()
            try await bus.run(register: { $0.on(Pong.self) { seen.record(($0, $1)) } }) { _, _ in
                let before = Date()
                try await bus.publisher("shop").publish(Pong(text: "é \"x\" </"), id: "7", to: "c")
                let (pong, context) = try #require(try await seen.wait(count: 1).first)
                #expect(pong == Pong(text: "é \"x\" </"))
                #expect(context.type == "pong" && context.channel == "c" && context.pattern == nil)
                #expect(context.source == "shop" && context.id == "7" && context.version == 3)
                #expect(context.registration == "pong" && context.trace == nil)
                #expect(context.timestamp >= before.addingTimeInterval(-0.001) && context.timestamp <= Date())
            }
        }
    }

    @Test(arguments: Carrier.allCases)
    func `an event that matches a channel and a pattern arrives once for each and says so`(
        _ carrier: Carrier
    ) async throws {
        try await withBus(carrier) { bus in
            let seen = Recorder<String>()
            let register = { (subscriber: EventSubscriber) in
                _ = subscriber.on(Ping.self) { seen.record("\($1.channel) \($1.pattern ?? "-") \($0.n)") }
            }
            try await bus.run(["orders.eu"], patterns: ["orders.*", "audit.[ab]"], register: register) { _, _ in
                let publisher = bus.publisher()
                try await publisher.publish(Ping(n: 1), to: "orders.eu")
                try await publisher.publish(Ping(n: 2), to: "orders.us")
                try await publisher.publish(Ping(n: 3), to: "audit.c")
                try await publisher.publish(Ping(n: 4), to: "audit.b")
                #expect(
                    try await seen.wait(count: 4).sorted() == [
                        "audit.b audit.[ab] 4", "orders.eu - 1", "orders.eu orders.* 1", "orders.us orders.* 2",
                    ])
            }
        }
    }

    @Test(arguments: Carrier.allCases)
    func `all handlers of an event are called in order, whatever one of them throws`(_ carrier: Carrier) async throws {
        try await withBus(carrier) { bus in
            let seen = Recorder<String>()
            let failures = Recorder<EventFailure>()
            let lines = LogLines()
            let register = { (subscriber: EventSubscriber) in
                subscriber.on(Ping.self) { ping, _ in seen.record("first \(ping.n)") }
                subscriber.on("ping") { _, _ in throw HandlerError() }
                subscriber.on("*") { event, context in seen.record("\(context.registration) \(event.type)") }
                subscriber.on(Ping.self) { ping, _ in seen.record("last \(ping.n)") }
                subscriber.onError { failures.record($0) }
            }
            try await bus.run(logger: lines.logger, register: register) { subscriber, _ in
                try await bus.publisher().publish(Ping(n: 1), to: "c")
                #expect(try await seen.wait(count: 3) == ["first 1", "* ping", "last 1"])
                let failure = try #require(try await failures.wait(count: 1).first)
                #expect(failure.kind == .handler && failure.error is HandlerError)
                #expect(failure.eventType == "ping" && failure.registration == "ping" && failure.channel == "c")
                #expect(try RawEvent(json: failure.message).type == "ping")
                try await eventually { subscriber.statistics.handled == 3 }
                #expect(subscriber.statistics.failed == 1)
            }
            let warnings = lines.all.filter { $0.level == .warning }
            #expect(warnings.count == 1)
            #expect(warnings.first?.text.contains("the handler's own words") == true)
        }
    }

    @Test(arguments: Carrier.allCases)
    func `a raw handler gets the payload and the envelope as they came`(_ carrier: Carrier) async throws {
        try await withBus(carrier) { bus in
            let seen = Recorder<RawEvent>()
            try await bus.run(register: { $0.on("*") { event, _ in seen.record(event) } }) { _, _ in
                let json = #"{"type":"x.y","payload":[1, 2],"extra":true}"#
                try await bus.publish(raw: Array(json.utf8))
                let event = try #require(try await seen.wait(count: 1).first)
                #expect(event.type == "x.y")
                #expect(event.payload == Data("[1, 2]".utf8))
                #expect(event.json == Data(json.utf8))
            }
        }
    }

    @Test(arguments: Carrier.allCases)
    func `the publisher says how many subscribers got an event`(_ carrier: Carrier) async throws {
        try await withBus(carrier) { bus in
            let publisher = bus.publisher()
            #expect(try await publisher.publish(Ping(n: 1), to: "c") == 0)
            try await bus.run(register: { $0.on(Ping.self) { _, _ in } }) { _, _ in
                let heard = try await publisher.publish(Ping(n: 2), to: "c")
                let unheard = try await publisher.publish(Ping(n: 3), to: "elsewhere")
                #expect(heard == 1 && unheard == 0)
            }
        }
    }

    @Test(arguments: Carrier.allCases)
    func `a batch gives each event its own outcome and keeps their order`(_ carrier: Carrier) async throws {
        try await withBus(carrier) { bus in
            let seen = Recorder<String>()
            var options = EventSubscriber.Options()
            options.concurrency = 1
            let register = { (subscriber: EventSubscriber) in
                _ = subscriber.on("*") { event, _ in
                    seen.record("\(event.type) \(String(decoding: event.payload, as: UTF8.self))")
                }
            }
            try await bus.run(options: options, register: register) { _, _ in
                let publisher = bus.publisher()
                let results = try await publisher.publish([
                    OutgoingEvent(Ping(n: 1), channel: "c"),
                    OutgoingEvent(type: "raw", payloadJSON: Data(#"{"a":1},"type":"forged""#.utf8), channel: "c"),
                    OutgoingEvent(type: "raw", payloadJSON: Data("[1]".utf8), channel: "nobody"),
                    OutgoingEvent(type: "", payloadJSON: Data("1".utf8), channel: "c"),
                    OutgoingEvent(type: "raw", payloadJSON: Data("1".utf8), channel: ""),
                    OutgoingEvent(type: "raw", payloadJSON: Data("\"\u{2028}\"".utf8), channel: "c"),
                ])
                let outcomes = results.map { result in
                    switch result {
                    case .success(let count): "\(count)"
                    case .failure(let error): error.code.rawValue
                    }
                }
                #expect(outcomes == ["1", "encoding", "0", "invalidArgument", "invalidArgument", "1"])
                try await publisher.publish((1...3).map { Ping(n: $0) }, to: "c")
                #expect(
                    try await seen.wait(count: 5) == [
                        #"ping {"n":1}"#, "raw \"\u{2028}\"", #"ping {"n":1}"#, #"ping {"n":2}"#, #"ping {"n":3}"#,
                    ])
                #expect(try await publisher.publish([OutgoingEvent]()).isEmpty)
            }
        }
    }

    @Test(arguments: Carrier.allCases)
    func `what a subscriber would refuse is not published`(_ carrier: Carrier) async throws {
        try await withBus(carrier) { bus in
            var options = EventPublisher.Options()
            options.limits = EventLimits(maxSize: 1_000, maxDepth: 20)
            let publisher = bus.publisher(options: options)
            await expectFailure(.tooLarge) {
                try await publisher.publish(Pong(text: String(repeating: "x", count: 1_000)), to: "c")
            }
            for payload in ["", "{", "1 1", "nul", nested(20), "\u{FEFF}1"] {
                await expectFailure(.encoding) {
                    try await publisher.publish(type: "a", payloadJSON: Data(payload.utf8), to: "c")
                }
            }
            await expectFailure(.encoding) {
                try await publisher.publish(type: "a", payloadJSON: Data([0x22, 0xFF, 0x22]), to: "c")
            }
            await expectFailure(.invalidArgument) {
                let far = Date(timeIntervalSince1970: 1e15)
                try await publisher.publish(
                    OutgoingEvent(type: "a", payloadJSON: Data("1".utf8), timestamp: far, channel: "c"))
            }
            let count = try await publisher.publish(type: "a", payloadJSON: Data(nested(19).utf8), to: "c")
            #expect(count == 0)
        }
    }
}
