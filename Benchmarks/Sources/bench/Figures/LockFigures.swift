import Coordination
import Foundation
import RedisCore
import Synchronization

/// How long a lock lies idle between a holder's release and the next holder's first line.
enum LockFigures {
    static var all: [Figure] {
        [
            Figure(
                name: "lock.handoff.8", summary: "release to next holder, 8 contenders with a client each",
                measure: { try handOff($0, clients: contenders) }),
            Figure(
                name: "lock.handoff.8.local", summary: "release to next holder, 8 contenders that share a client",
                measure: { try handOff($0, clients: 1) }),
        ]
    }

    private static let contenders = 8
    private static let cyclesPerContender = 250

    private static func handOff(_ environment: Environment, clients: Int) throws -> [(String, Double?)]? {
        let port = environment.port
        let loop = environment.loop
        let latencies = try blocking {
            let clients = (0..<clients).map { _ in
                RedisClient(RedisConfiguration(endpoint: .tcp(host: "127.0.0.1", port: port)), eventLoop: loop)
            }
            let watch = HandOffWatch()
            try await withThrowingDiscardingTaskGroup { group in
                for contender in 0..<contenders {
                    let locks = Locks(clients[contender % clients.count])
                    group.addTask { try await contend(locks, watch) }
                }
            }
            for client in clients { await client.close() }
            return watch.latencies
        }
        return [
            ("p50_us", latencies.microseconds(atQuantile: 0.5)), ("p99_us", latencies.microseconds(atQuantile: 0.99)),
        ]
    }

    private static func contend(_ locks: Locks, _ watch: HandOffWatch) async throws {
        for _ in 0..<cyclesPerContender {
            let lease = try await locks.acquire("bench:handoff", wait: .seconds(30))
            watch.acquired()
            watch.released()
            try await lease.release()
        }
    }
}

/// Clock between two holders; the lock that is measured keeps its callers apart.
private final class HandOffWatch: Sendable {
    private let state = Mutex((releasedAt: UInt64(0), latencies: Histogram()))

    var latencies: Histogram { state.withLock { $0.latencies } }

    func acquired() {
        let now = DispatchTime.now().uptimeNanoseconds
        state.withLock { state in
            if state.releasedAt > 0 { state.latencies.add(nanoseconds: now - state.releasedAt) }
        }
    }

    func released() { state.withLock { $0.releasedAt = DispatchTime.now().uptimeNanoseconds } }
}
