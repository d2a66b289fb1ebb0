import Logging
import Metrics
import RedisCore
public import ServiceLifecycle

extension Invalidator: Service {
    /// Applies the events of `onEvent` until the service is shut down or the task is cancelled; other strategies have
    /// none.
    ///
    /// Redis being away at the start is waited for. What arrives together is applied together, in one round trip. On a
    /// graceful shutdown what has arrived is applied, and what waits for Redis is tried once more.
    ///
    /// - Throws: `unavailable` when the client was closed or may not subscribe; `CancellationError`.
    public func run() async throws {
        guard case .onEvent(let channel) = strategy else {
            try? await gracefulShutdown()
            _ = await retries.flush()
            return try Task.checkCancellation()
        }
        let subscription = try await cancelWhenGracefulShutdown { try await self.subscribe(channel) }
        guard let subscription else { return }
        if options.startsClean { await apply(missed) }
        await withGracefulShutdownHandler {
            await receive(subscription)
        } onGracefulShutdown: {
            Task { await subscription.finish() }
        }
        await subscription.cancel()
        _ = await retries.flush()
        try Task.checkCancellation()
        guard Task.isShuttingDownGracefully else {
            throw CacheError(.unavailable, operation: "run", message: "the subscription ended: the client was closed")
        }
    }

    /// nil when shut down before there was one.
    private func subscribe(_ channel: String) async throws -> RedisSubscription? {
        var pause = InvalidationRetries.firstPause
        while true {
            do throws(RedisError) {
                return try await cache.engine.redis.subscribe(channels: [channel])
            } catch {
                if error.code == .cancelled || Task.isCancelled { return try ended() }
                guard error.isOutage else { throw CacheError.from(error, operation: "run", key: nil) }
                cache.engine.logger.warning(
                    "cache: invalidation events cannot be received yet", metadata: ["error": "\(error)"])
            }
            guard (try? await clock.sleep(for: pause)) != nil else { return try ended() }
            pause = min(pause * 2, InvalidationRetries.longestPause)
        }
    }

    private func ended() throws -> RedisSubscription? {
        if Task.isShuttingDownGracefully { return nil }
        throw CancellationError()
    }

    private func receive(_ subscription: RedisSubscription) async {
        var reader = InvalidationReader()
        while let events = await subscription.nextBatch(max: 1_000) {
            var all: Set<Invalidation> = []
            for verdict in events.flatMap({ reader.read($0, dropped: subscription.dropped) }) {
                switch verdict {
                case .invalidate(let one): all.insert(one)
                case .missed(let reason):
                    all.formUnion(missed)
                    tellMissed(reason)
                case .unreadable(let isFirst, let isOurs):
                    if isOurs { all.formUnion(missed) }
                    tellUnreadable(isFirst, isOurs)
                case .nothing: break
                }
            }
            await apply(Array(all))
        }
    }

    private func tellMissed(_ reason: String) {
        cache.engine.metrics.invalidation.gaps.increment()
        cache.engine.logger.warning(
            "cache: invalidation events were missed; what they may have been about is dropped",
            metadata: ["reason": "\(reason)"])
    }

    private func tellUnreadable(_ isFirst: Bool, _ isOurs: Bool) {
        cache.engine.metrics.invalidation.unreadableEvents.increment()
        guard isFirst else { return }
        cache.engine.logger.warning(
            isOurs
                ? "cache: an invalidation event cannot be read; what it may have been about is dropped"
                : "cache: a message on the channel of invalidations is no event")
    }

    /// What has to end when nobody knows what has changed.
    private var missed: [Invalidation] {
        options.entities.isEmpty ? [.everything] : options.entities.map { .entity($0) }
    }

    private func apply(_ all: [Invalidation]) async {
        guard !all.isEmpty else { return }
        cache.engine.metrics.invalidation.events.increment(by: Int64(all.count))
        do {
            try await cache.drop(InvalidationBatch(all))
        } catch {
            retries.add(all, because: error)
        }
    }
}
