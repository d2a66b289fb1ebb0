import EventBus
import Foundation
import RedisCore
import Synchronization

/// Typed events: JSON encoded, published, received, decoded, handled.
enum EventFigures {
    static var all: [Figure] {
        [
            Figure(
                name: "events.json", summary: "typed JSON events published in batches of 100 and handled",
                measure: throughput),
            Figure(
                name: "events.latency.1000",
                summary: "from publish to the handler's first line, 1,000 typed events a second", measure: latency),
        ]
    }

    private static let batch = 100
    /// Far below the subscriber's buffer: the figure is about handling events, not about dropping them.
    private static let mostUnhandled = 4_000
    private static let eventCount = 200_000

    private static func throughput(_ environment: Environment) throws -> [(String, Double?)]? {
        let redis = environment.redis
        return try withHandler(environment, channel: "bench:events") { handled in
            let publisher = EventPublisher(redis, source: "bench")
            let payload = Data(#"{"id":7,"total":12.5,"customer":"Ada Lovelace","sentAt":0}"#.utf8)
            let begin = Reading(operations: 0)
            var published = 0
            while published < eventCount {
                let events = (0..<batch).map { _ in
                    OutgoingEvent(type: Order.eventType, payloadJSON: payload, channel: "bench:events")
                }
                _ = try await publisher.publish(events)
                published += batch
                while published - handled.count > mostUnhandled { await Task.yield() }
            }
            while handled.count < published { try await Task.sleep(for: .milliseconds(1)) }
            let end = Reading(operations: handled.count)
            let count = Double(end.operations)
            return [
                ("ops_per_s", count / (end.wall - begin.wall)),
                ("cpu_us_per_op", (end.cpu - begin.cpu) * 1e6 / count),
            ]
        }
    }

    private static func latency(_ environment: Environment) throws -> [(String, Double?)]? {
        let redis = environment.redis
        return try withHandler(environment, channel: "bench:latency") { handled in
            let publisher = EventPublisher(redis, source: "bench")
            let begin = ContinuousClock.now
            for number in 0..<3_000 {
                let now = DispatchTime.now().uptimeNanoseconds
                let order = Order(id: number, total: 12.5, customer: "Ada Lovelace", sentAt: now)
                _ = try await publisher.publish(order, to: "bench:latency")
                try await Task.sleep(until: begin + .milliseconds(number + 1))
            }
            while handled.count < 3_000 { try await Task.sleep(for: .milliseconds(1)) }
            let latencies = handled.latencies
            return [
                ("p50_us", latencies.microseconds(atQuantile: 0.5)),
                ("p99_us", latencies.microseconds(atQuantile: 0.99)),
            ]
        }
    }

    /// Runs `body` beside a subscriber whose typed handler counts; ends the subscriber afterwards.
    private static func withHandler<T: Sendable>(
        _ environment: Environment, channel: String, _ body: @escaping @Sendable (Handled) async throws -> T
    ) throws -> T {
        let redis = environment.redis
        let port = environment.port
        return try blocking {
            let handled = Handled()
            let subscriber = EventSubscriber(redis)
            subscriber.on(Order.self) { order, _ in handled.note(order) }
            let running = Task { try await subscriber.run(channels: [channel]) }
            defer { running.cancel() }
            try await RawSession.waitForSubscriber(of: channel, port: port)
            return try await body(handled)
        }
    }
}

private struct Order: EventPayload {
    static let eventType = "order.placed"
    let id: Int
    let total: Double
    let customer: String
    /// The sender's clock in ns; 0 when nobody asks for the latency.
    let sentAt: UInt64
}

/// What the handler saw.
private final class Handled: Sendable {
    private let state = Mutex((count: 0, latencies: Histogram()))

    var count: Int { state.withLock { $0.count } }
    var latencies: Histogram { state.withLock { $0.latencies } }

    func note(_ order: Order) {
        let now = order.sentAt == 0 ? 0 : DispatchTime.now().uptimeNanoseconds
        state.withLock { state in
            state.count += 1
            if now > order.sentAt { state.latencies.add(nanoseconds: now - order.sentAt) }
        }
    }
}
