import RedisCore
import Synchronization

/// What a tracker was told, in order.
final class TrackingLog: TrackingListener {
    enum Event: Equatable {
        case ready
        case changed(String)
        case flushed
        case interrupted
        case unavailable(RedisError.Code)
    }

    private let state = Mutex((events: [Event](), proofs: [Int64](), wasOffLoop: false))
    private let loop: EventLoop

    init(_ redis: RedisClient) { loop = redis.eventLoop }

    var events: [Event] { state.withLock(\.events) }
    /// The events that are about the connection and not about keys.
    var changes: [Event] { events.filter { if case .changed = $0 { false } else { true } } }
    /// What the proofs and the beginnings said, in order.
    var proofs: [Int64] { state.withLock(\.proofs) }
    var wasOffLoop: Bool { state.withLock(\.wasOffLoop) }

    func heard(_ event: Event) -> Bool { events.contains(event) }
    func forget() { state.withLock { $0.events = [] } }

    private func note(_ event: Event) {
        let isOnLoop = loop.isCurrent
        state.withLock {
            $0.events.append(event)
            if !isOnLoop { $0.wasOffLoop = true }
        }
    }

    func trackingIsReady(asOf: Int64) {
        state.withLock { $0.proofs.append(asOf) }
        note(.ready)
    }
    func trackedKeyChanged(_ key: UnsafeRawBufferPointer) { note(.changed(String(decoding: key, as: UTF8.self))) }
    func trackedKeysFlushed() { note(.flushed) }
    func trackingIsProved(asOf: Int64) { state.withLock { $0.proofs.append(asOf) } }
    func trackingIsInterrupted() { note(.interrupted) }
    func trackingIsUnavailable(_ error: RedisError) { note(.unavailable(error.code)) }
}
