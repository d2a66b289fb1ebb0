import Logging
import RedisCore
import TestSupport
import Testing

@testable import EventBus

@Suite("Gaps")
struct GapTests {
    @Test func `a gap reaches its hook, the log and the count, and events go on`() async throws {
        let bus = InMemoryEventBus()
        let test = TestBus(kind: .memory(bus))
        let seen = Recorder<String>()
        let lines = LogLines()
        let register = { (subscriber: EventSubscriber) in
            subscriber.on(Ping.self) { ping, _ in seen.record("ping \(ping.n)") }
            subscriber.onGap { seen.record($0.reason) }
        }
        try await test.run(logger: lines.logger, register: register) { subscriber, _ in
            bus.simulateGap(reason: "maintenance")
            #expect(try await seen.wait(count: 1) == ["maintenance"])
            try await test.publisher().publish(Ping(n: 1), to: "c")
            #expect(try await seen.wait(count: 2).last == "ping 1")
            #expect(subscriber.statistics.gaps == 1)
        }
        #expect(lines.all.contains { $0.level == .warning && $0.metadata["reason"] == "maintenance" })
    }
}
