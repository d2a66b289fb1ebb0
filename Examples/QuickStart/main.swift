// The smallest complete program: publishes an event and handles it under a lock.
//
//     swift run QuickStart        needs a Redis: $REDIS_URL, else redis://localhost:6379

import Coordination
import EventBus
import Foundation
import RedisCore

struct OrderPlaced: EventPayload {
    static let eventType = "order.placed"
    let id: Int
    let total: Int
}

let url = ProcessInfo.processInfo.environment["REDIS_URL"] ?? "redis://localhost:6379"
let redis = try await RedisClient.connect(url)

let (subscribed, ready) = AsyncStream<Void>.makeStream()
let (handled, done) = AsyncStream<Void>.makeStream()
var options = EventSubscriber.Options()
options.onSubscribed = { ready.finish() }

let subscriber = EventSubscriber(redis, channels: ["orders"], options: options)
subscriber.on(OrderPlaced.self) { order, context in
    try await Locks(redis).withLock("order:\(order.id)", ttl: .seconds(30)) { lease in
        print("order \(order.id) from \(context.source), total \(order.total), under \(lease.key)")
    }
    done.finish()
}
let running = Task {
    defer {
        ready.finish()
        done.finish()
    }
    try await subscriber.run()
}

for await _ in subscribed {}  // Redis keeps nothing for who subscribes later: publish only now.
try await EventPublisher(redis, source: "shop").publish(OrderPlaced(id: 7, total: 12), to: "orders")

for await _ in handled {}
running.cancel()
await redis.close()
