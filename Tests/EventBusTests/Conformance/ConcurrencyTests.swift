import Logging
import RedisCore
import Synchronization
import TestSupport
import Testing

@testable import EventBus

@Suite("Concurrency and order, on both buses")
struct ConcurrencyTests {
    @Test(arguments: Carrier.allCases)
    func `as many events as allowed are handled at once and no more`(_ carrier: Carrier) async throws {
        try await withBus(carrier) { bus in
            var options = EventSubscriber.Options()
            options.concurrency = 3
            let gate = Gate()
            let running = Mutex((now: 0, most: 0))
            let register = { (subscriber: EventSubscriber) in
                _ = subscriber.on(Ping.self) { _, _ in
                    running.withLock {
                        $0.now += 1
                        $0.most = max($0.most, $0.now)
                    }
                    try await gate.pass()
                    running.withLock { $0.now -= 1 }
                }
            }
            try await bus.run(options: options, register: register) { subscriber, _ in
                try await bus.publisher().publish((0..<20).map { Ping(n: $0) }, to: "c")
                try await gate.arrived.wait(count: 3, within: .seconds(60))
                try await eventually { subscriber.statistics.received == 20 }
                #expect(gate.arrived.count == 3)
                gate.open()
                try await eventually { subscriber.statistics.handled == 20 }
                #expect(running.withLock { $0.most } == 3)
            }
        }
    }

    @Test(arguments: Carrier.allCases)
    func `events of one key are handled in order, one at a time, and other keys do not wait`(
        _ carrier: Carrier
    ) async throws {
        try await withBus(carrier) { bus in
            var options = EventSubscriber.Options()
            options.concurrency = 8
            options.ordering = .perKey { $0.source.isEmpty ? nil : $0.source }
            let gate = Gate()
            let seen = Recorder<String>()
            let busy = Mutex<Set<String>>([])
            let register = { (subscriber: EventSubscriber) in
                _ = subscriber.on(Ping.self) { ping, context in
                    let isFree = busy.withLock { $0.insert(context.source).inserted }
                    #expect(isFree || context.source.isEmpty)
                    if ping.n == 0, context.source == "a" { try await gate.pass() } else { await Task.yield() }
                    seen.record("\(context.source)\(ping.n)")
                    busy.withLock { _ = $0.remove(context.source) }
                }
            }
            try await bus.run(options: options, register: register) { subscriber, _ in
                for n in 0..<30 {
                    for source in ["a", "b", ""] { try await bus.publisher(source).publish(Ping(n: n), to: "c") }
                }
                // Everything but "a" gets through while the first "a" is held up.
                #expect(try await seen.wait(count: 60).allSatisfy { !$0.hasPrefix("a") })
                gate.open()
                let all = try await seen.wait(count: 90)
                #expect(all.filter { $0.hasPrefix("a") } == (0..<30).map { "a\($0)" })
                #expect(all.filter { $0.hasPrefix("b") } == (0..<30).map { "b\($0)" })
            }
        }
    }

    @Test(arguments: Carrier.allCases, [SubscriptionBuffer.Overflow.dropOldest, .dropNewest])
    func `a full buffer drops by its policy and counts`(
        _ carrier: Carrier, _ overflow: SubscriptionBuffer.Overflow
    ) async throws {
        try await withBus(carrier) { bus in
            var options = EventSubscriber.Options()
            options.concurrency = 1
            options.buffer = SubscriptionBuffer(capacity: 10, overflow: overflow)
            // However long it takes here, it is said once.
            options.logInterval = .seconds(3_600)
            let gate = Gate()
            let seen = Recorder<Int>()
            let lines = LogLines()
            let register = { (subscriber: EventSubscriber) in
                _ = subscriber.on(Ping.self) { ping, _ in
                    if ping.n == 0 { try await gate.pass() }
                    seen.record(ping.n)
                }
            }
            try await bus.run(options: options, logger: lines.logger, register: register) {
                subscriber, _ in
                try await bus.publisher().publish(Ping(n: 0), to: "c")
                try await gate.arrived.wait(within: .seconds(60))
                // The window of 256 takes its share one by one, the buffer of 10 the next, the rest is dropped.
                for n in 1...256 {
                    try await bus.publisher().publish(Ping(n: n), to: "c")
                    try await eventually { subscriber.statistics.received == n + 1 }
                }
                for n in 257...300 { try await bus.publisher().publish(Ping(n: n), to: "c") }
                try await eventually { subscriber.statistics.dropped == 34 }
                gate.open()
                let all = try await seen.wait(count: 267)
                let kept = overflow == .dropOldest ? Array(291...300) : Array(257...266)
                #expect(Array(all.suffix(10)) == kept)
            }
            #expect(lines.all.count { $0.metadata["dropped"] != nil } == 1)
        }
    }

    @Test(arguments: Carrier.allCases)
    func `handlers come and go while events flow`(_ carrier: Carrier) async throws {
        try await withBus(carrier) { bus in
            let seen = Recorder<String>()
            try await bus.run(register: { $0.on("other") { _, _ in } }) { subscriber, _ in
                let publisher = bus.publisher()
                let first = subscriber.on(Ping.self) { ping, _ in seen.record("first \(ping.n)") }
                try await publisher.publish(Ping(n: 1), to: "c")
                try await seen.wait(count: 1)
                let second = subscriber.on("*") { _, _ in seen.record("second") }
                try await publisher.publish(Ping(n: 2), to: "c")
                try await seen.wait(count: 3)
                first.remove()
                first.remove()
                try await publisher.publish(Ping(n: 3), to: "c")
                try await seen.wait(count: 4)
                second.remove()
                try await publisher.publish(Ping(n: 4), to: "c")
                try await eventually { subscriber.statistics.unknownType == 1 }
                #expect(seen.values == ["first 1", "first 2", "second", "second"])
            }
        }
    }

    @Test func `handlers are registered from many tasks while events are handled`() async throws {
        try await withBus(.memory) { bus in
            let calls = TestSignal("a call")
            try await bus.run(register: { $0.on("ping") { _, _ in } }) { subscriber, _ in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for task in 0..<4 {
                        group.addTask {
                            for n in 0..<100 {
                                let registration = subscriber.on(Ping.self) { _, _ in calls.fire() }
                                try await bus.publisher().publish(Ping(n: n), to: "c")
                                if task % 2 == 0 { registration.remove() }
                            }
                        }
                    }
                    try await group.waitForAll()
                }
                try await eventually { subscriber.statistics.handled >= 400 + calls.count }
                #expect(subscriber.handlers.handlers(for: "ping").count == 201)
            }
        }
    }
}
