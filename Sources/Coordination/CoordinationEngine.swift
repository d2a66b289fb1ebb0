import Logging
import RedisCore
import Synchronization

/// What all locks and guarded tasks of one client share: one renewal loop, one waiting room with one subscription.
///
/// Found by the client's identity, so that `Locks(redis)` can be made anywhere and still queue in one place. It lives
/// as long as somebody uses it.
final class CoordinationEngine: Sendable {
    let redis: RedisClient
    let renewals: RenewalLoop
    let waits: WaitRoom
    let metrics = CoordinationMetrics.shared
    let policyCheck = AutomaticChecks()
    var logger: Logger { redis.logger }

    private let reconnects: Int

    private init(_ redis: RedisClient) {
        self.redis = redis
        let waits = WaitRoom(redis)
        self.waits = waits
        let channel = CoordinationKeys.auditChannel(redis.configuration)
        let hurry = Hurry()
        let renewals = RenewalLoop(redis) { isOn in
            if isOn { waits.watch(channel) { hurry.loop.withLock(\.value)?.hurry() } } else { waits.unwatch(channel) }
        }
        // The announcement is only a hint: every lease is asked about, and what the server answers counts.
        hurry.loop.withLock { $0.value = renewals }
        self.renewals = renewals
        // The server may have lost every lease with its memory: find out now, not at the next renewal.
        reconnects = redis.observeReconnects { [weak renewals] in renewals?.hurry() }
    }

    /// Breaks the circle between the room and the loop.
    private final class Hurry: Sendable {
        struct Weak { weak var value: RenewalLoop? }
        let loop = Mutex(Weak())
    }

    /// An engine keeps its client alive.
    private static let engines = PerClient<CoordinationEngine>()

    static func of(_ redis: RedisClient) -> CoordinationEngine { engines.value(for: redis) { CoordinationEngine($0) } }

    deinit {
        redis.stopObservingReconnects(reconnects)
        Self.engines.forget(redis)
    }
}
