import Logging
import RedisCore
import Synchronization

/// The one subscription that all waiters of a client share, opened when somebody waits and closed when nobody has for a
/// while.
///
/// ``WakeChannels`` decides; this class asks Redis and passes on what it hears.
///
/// Its tasks run on the event loop, so a wake-up does not wait for Swift's pool.
final class WakeSubscription: Sendable {
    /// What the owner is told, on the loop.
    enum Event: Sendable {
        /// The server confirmed the channels.
        case subscribed([ExactString])
        /// A release was announced.
        case woken(ExactString)
        /// Announcements may have been missed; the channels are heard again.
        case gap
        /// Nothing is heard until further notice.
        case deaf
    }

    /// How long an unwanted channel is kept, and how long a failed request rests.
    private static let sweepDelay = Duration.seconds(1)

    private struct State: ~Copyable {
        var channels = WakeChannels()
        var subscription: RedisSubscription?
        var sweepIsDue = false
    }

    private let redis: RedisClient
    private let state = Mutex(State())
    private let tell: @Sendable (Event) -> Void

    init(_ redis: RedisClient, tell: @escaping @Sendable (Event) -> Void) {
        self.redis = redis
        self.tell = tell
    }

    /// True when nothing is subscribed or being asked for.
    var isIdle: Bool { state.withLock { $0.channels.isIdle } }

    /// Counts a user; true when the channel is already heard, otherwise `.subscribed` follows.
    func want(_ channel: ExactString) -> Bool {
        let (isConfirmed, operation) = state.withLock { $0.channels.want(channel) }
        if let operation { start(operation) }
        return isConfirmed
    }

    /// One user less.
    func unwant(_ channel: ExactString) {
        state.withLock { $0.channels.unwant(channel) }
        sweepLater()
    }

    private func sweepLater() {
        let due = state.withLock { state in
            guard state.channels.needsSweep, !state.sweepIsDue else { return false }
            state.sweepIsDue = true
            return true
        }
        guard due else { return }
        // Strong: the subscription is to be closed even when its owner is gone by then.
        redis.eventLoop.schedule(after: Self.sweepDelay) { [self] in
            let operation = state.withLock { state in
                state.sweepIsDue = false
                return state.channels.sweep()
            }
            if let operation { start(operation) } else { sweepLater() }
        }
    }

    private func start(_ operation: WakeChannels.Operation) {
        Task(executorPreference: redis.eventLoop) { [self] in
            let success = await perform(operation)
            let (confirmed, next) = state.withLock { $0.channels.finished(success: success) }
            if !confirmed.isEmpty { tell(.subscribed(confirmed)) }
            if let next { start(next) }
            if !success { retryLater() }
            sweepLater()
        }
    }

    private func retryLater() {
        redis.eventLoop.schedule(after: Self.sweepDelay) { [weak self] in
            guard let self, let operation = state.withLock({ $0.channels.retry() }) else { return }
            start(operation)
        }
    }

    private func perform(_ operation: WakeChannels.Operation) async -> Bool {
        do {
            switch operation {
            case .open(let channels):
                let subscription = try await redis.subscribe(channels: channels.map(\.text))
                state.withLock { $0.subscription = subscription }
                listen(to: subscription)
            case .add(let channels):
                try await state.withLock { $0.subscription }?.add(channels: channels.map(\.text))
            case .remove(let channels):
                await state.withLock { $0.subscription }?.remove(channels: channels.map(\.text))
            case .close: await state.withLock { $0.subscription.take() }?.cancel()
            }
            return true
        } catch {
            redis.logger.info(
                "waiting for locks without wake-ups for now: subscribing failed", metadata: ["error": "\(error)"])
            return false
        }
    }

    private func listen(to subscription: RedisSubscription) {
        Task(executorPreference: redis.eventLoop) { [weak self] in
            while let events = await subscription.nextBatch() {
                guard let self else { return await subscription.cancel() }
                for event in events {
                    switch event {
                    case .message(let message): tell(.woken(ExactString(message.channel)))
                    case .gap: tell(.gap)
                    }
                }
            }
            self?.ended(subscription)
        }
    }

    private func ended(_ subscription: RedisSubscription) {
        let unexpected = state.withLock { state in
            guard state.subscription === subscription else { return false }
            state.subscription = nil
            state.channels.ended()
            return true
        }
        guard unexpected else { return }
        tell(.deaf)
        retryLater()
    }
}
