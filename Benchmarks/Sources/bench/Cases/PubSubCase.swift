import RedisCore
import Synchronization

/// `pubsub.raw.100`: one task publishes batches of 100 messages of 100 bytes, another reads them as they come; an
/// operation is a message read.
enum PubSubCase {
    private static let batch = 100

    static var `case`: BenchmarkCase {
        BenchmarkCase(
            name: "pubsub.raw.100", summary: "batches of 100 PUBLISH of 100 bytes, received as raw messages",
            awaits: 1 / Double(batch), bar: .init(throughput: 0.6, cpu: 1.6),
            floor: { try PublishFloor.make(port: $0.port, batch: batch, channel: "bench:floor") },
            suspension: Placement.pool.suspension(tasks: 1),
            client: { try RawPubSub(redis: $0.redis, batch: batch) })
    }
}

/// Publisher and reader around one subscription that stays open between rounds.
private final class RawPubSub: Workload {
    private let publisher: TaskWorkload
    private let received = Atomic<Int>(0)
    private let subscription: RedisSubscription

    init(redis: RedisClient, batch: Int) throws {
        let channel = "bench:client"
        publisher = TaskWorkload(tasks: 1, executor: nil, stepSize: batch) { run in
            while run.next() {
                var pipeline = RedisPipeline(expecting: 2 * batch)
                for _ in 0..<batch { pipeline.publish(Dataset.message, to: channel) }
                guard case .success(.integer(1)) = try await redis.pipeline(pipeline).last else {
                    throw BenchmarkError("PUBLISH did not reach exactly one subscriber")
                }
            }
        }
        subscription = try blocking {
            try await redis.subscribe(channels: [channel], buffer: .init(capacity: 65_536, overflow: .dropNewest))
        }
        Task { [self] in
            while let events = await subscription.nextBatch() {
                received.store(received.load(ordering: .relaxed) + events.count, ordering: .relaxed)
            }
        }
    }

    var completed: Int { received.load(ordering: .relaxed) }
    func takeLatencies() -> Histogram { publisher.takeLatencies() }
    func start() { publisher.start() }

    func stop() throws {
        try publisher.stop()
        guard subscription.dropped == 0 else {
            throw BenchmarkError("pubsub: \(subscription.dropped) messages were dropped; the figure is void")
        }
    }
}
