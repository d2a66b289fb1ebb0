import Foundation
import Logging
import TestSupport
import Testing

@testable import EventBus

@Suite("Bad input, on both buses")
struct BadInputTests {
    /// One message of each kind; the large one is small enough for Redis' default output limit.
    private static let broken: [(EventFailure.Kind, [UInt8])] = [
        (.tooLarge, [UInt8](repeating: UInt8(ascii: "x"), count: 2_000_000)),
        (.notUTF8, Array(#"{"type":"ping","payload":""#.utf8) + [0xFF] + Array("\"}".utf8)),
        (.tooDeep, Array(#"{"type":"ping","payload":\#(nested(10_000))}"#.utf8)),
        (.undecodable, Array("not json".utf8)),
        (.undecodable, []),
        (.unknownType, Array(#"{"type":"nobody.listens","payload":1}"#.utf8)),
        (.payloadMismatch, Array(#"{"type":"ping","payload":{"n":"secret"}}"#.utf8)),
    ]

    @Test(arguments: Carrier.allCases)
    func `bad messages are counted, handed to the hook, and never end the subscription`(
        _ carrier: Carrier
    ) async throws {
        try await withBus(carrier) { bus in
            let seen = Recorder<Int>()
            let failures = Recorder<EventFailure>()
            let register = { (subscriber: EventSubscriber) in
                subscriber.on(Ping.self) { ping, _ in seen.record(ping.n) }
                subscriber.onError { failures.record($0) }
            }
            try await bus.run(register: register) { subscriber, _ in
                for (number, broken) in Self.broken.enumerated() {
                    try await bus.publish(raw: broken.1)
                    try await bus.publisher().publish(Ping(n: number), to: "c")
                }
                #expect(try await seen.wait(count: Self.broken.count).sorted() == Array(Self.broken.indices))
                let found = try await failures.wait(count: Self.broken.count)
                for (kind, bytes) in Self.broken {
                    let failure = try #require(found.first { $0.kind == kind && $0.message == bytes })
                    #expect(failure.channel == "c" && failure.error is EventBusError)
                }
                let statistics = subscriber.statistics
                #expect(statistics.received == 2 * Self.broken.count && statistics.handled == Self.broken.count)
                #expect(statistics.tooLarge == 1 && statistics.notUTF8 == 1 && statistics.tooDeep == 1)
                #expect(statistics.undecodable == 2 && statistics.unknownType == 1)
                #expect(statistics.payloadMismatch == 1 && statistics.failed == 1)
            }
        }
    }

    @Test(arguments: Carrier.allCases)
    func `a flood of bad messages leaves one log line a kind, without a payload in it`(
        _ carrier: Carrier
    ) async throws {
        try await withBus(carrier) { bus in
            let lines = LogLines()
            var options = EventSubscriber.Options()
            // However long it takes here, it is one interval.
            options.logInterval = .seconds(3_600)
            let register = { (subscriber: EventSubscriber) in _ = subscriber.on(Ping.self) { _, _ in } }
            try await bus.run(options: options, logger: lines.logger, register: register) { subscriber, _ in
                for _ in 0..<50 {
                    for broken in Self.broken { try await bus.publish(raw: broken.0 == .tooLarge ? [0] : broken.1) }
                }
                try await eventually { subscriber.statistics.received == 350 && subscriber.statistics.failed == 50 }
            }
            let kinds = lines.all.compactMap { $0.metadata["kind"]?.description }
            #expect(kinds.sorted() == ["notUTF8", "payloadMismatch", "tooDeep", "undecodable", "unknownType"])
            #expect(!lines.all.contains { $0.text.contains("secret") })
        }
    }

    @Test func `a message of 100 MB is counted and not decoded`() async throws {
        try await withBus(.memory) { bus in
            try await bus.run(register: { $0.on(Ping.self) { _, _ in } }) { subscriber, _ in
                try await bus.publish(raw: [UInt8](repeating: UInt8(ascii: "["), count: 100_000_000))
                try await eventually { subscriber.statistics.tooLarge == 1 }
            }
        }
    }

    @Test func `a message of 100 MB through Redis is counted and the subscription goes on`() async throws {
        let server = RedisServerOptions(directives: ["client-output-buffer-limit": "pubsub 0 0 0"], checksLeaks: true)
        try await withBus(.redis, server) { bus in
            let seen = Recorder<Int>()
            try await bus.run(register: { $0.on(Ping.self) { ping, _ in seen.record(ping.n) } }) { subscriber, _ in
                try await bus.publish(raw: [UInt8](repeating: UInt8(ascii: "["), count: 100_000_000))
                try await eventually("it is counted", within: .seconds(120)) { subscriber.statistics.tooLarge == 1 }
                try await bus.publisher().publish(Ping(n: 1), to: "c")
                #expect(try await seen.wait(count: 1) == [1])
                #expect(subscriber.statistics.gaps == 0 && subscriber.statistics.dropped == 0)
            }
        }
    }

    @Test(arguments: Carrier.allCases)
    func `a hostile type name does not become a log line of its own`(_ carrier: Carrier) async throws {
        try await withBus(carrier) { bus in
            let lines = LogLines()
            let register = { (subscriber: EventSubscriber) in _ = subscriber.on(Ping.self) { _, _ in } }
            try await bus.run(logger: lines.logger, register: register) { subscriber, _ in
                let name = "evil\\n\\u001b[31m" + String(repeating: "x", count: 10_000)
                try await bus.publish(raw: Array(#"{"type":"\#(name)"}"#.utf8))
                try await eventually { subscriber.statistics.unknownType == 1 }
            }
            let line = try #require(lines.all.first { $0.metadata["kind"] == "unknownType" })
            #expect(!line.text.contains("\n") && !line.text.contains("\u{1B}") && line.text.utf8.count < 1_000)
        }
    }
}
