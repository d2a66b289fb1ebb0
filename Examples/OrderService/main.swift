// A worker written in Swift: typed handlers in a service that ends gracefully on SIGTERM and SIGINT.
//
//     swift run OrderService           publishes a few events to itself, shuts down while one is being handled, and
//                                      prints what was drained
//     swift run OrderService serve     handles the channel "orders" until SIGTERM or Ctrl-C
//
// Redis is $REDIS_URL; without it an embedded redis-server is started, which ends with the program.

import EmbeddedRedis
import EventBus
import Foundation
import Logging
import RedisCore
import ServiceLifecycle
import UnixSignals

let serves = CommandLine.arguments.dropFirst() == ["serve"]
let logger = Logger(label: "orders")

let url = ProcessInfo.processInfo.environment["REDIS_URL"]
let server = url == nil ? try await EmbeddedServer.start(logger: logger) : nil
let configuration = try server?.configuration ?? RedisConfiguration(url: url ?? "")
let redis = try await RedisClient.connect(configuration, logger: logger)

let rehearsal = Rehearsal(isOn: !serves)
let subscriber = makeSubscriber(redis, rehearsal)

// Started in this order and shut down in the reverse one: handlers drain while the client and the server still stand.
var services: [any Service] = [ClientLifetime(redis: redis), subscriber]
if let server { services.insert(server, at: 0) }
let group = ServiceGroup(services: services, gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)

try await withThrowingTaskGroup(of: Void.self) { tasks in
    tasks.addTask { try await group.run() }
    if !serves {
        tasks.addTask {
            try await rehearsal.publishOrders(EventPublisher(redis, source: "shop"))
            await group.triggerGracefulShutdown()
        }
    }
    try await tasks.waitForAll()
}
let counts = subscriber.statistics
print("received \(counts.received), handler calls: \(counts.handled) finished, \(counts.failed) failed")
print("abandoned \(counts.abandoned), dropped \(counts.dropped)")

/// Closes the client after everything that uses it has ended.
struct ClientLifetime: Service {
    let redis: RedisClient

    func run() async {
        try? await gracefulShutdown()  // It throws when the group is cancelled, which ends the client too.
        await redis.close()
    }
}
