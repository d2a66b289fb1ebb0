import Logging
import RedisCore
public import ServiceLifecycle
import Synchronization

/// Tells a handler of every item of a namespace that expires, **at least once**.
///
/// ```swift
/// let actions = IndexedCache(redis, namespace: "confirmation", expiry: .values())
/// let sweeper = try ExpirySweeper(actions) { expired in
///     try await notify(expired.key, try expired.value(as: Action.self))
/// }
/// try await ServiceGroup(services: [redis, sweeper], logger: logger).run()
/// ```
///
/// Ends are noted in the same scripts that write the items, so none is forgotten, as they are with the server's own
/// events. Run as many sweepers as you like: each end is claimed by one of them for a lease, which is renewed while the
/// handler runs, and acknowledged when the handler returned. One that throws, or takes longer than
/// ``ExpirySweeperOptions/handlerTimeout``, is tried again after a pause; one whose process died, when the lease is
/// over. A handler may therefore see an end twice: compare ``ExpiredEntry/id``. One that throws an ``ExpiryRejection``
/// is not asked again.
///
/// An end is given up, logged and counted when nobody was told of it for ``ExpiryTracking/retention``. Not told are
/// items that were deleted before their time or that Redis lost; one that was evicted is told when its time is over.
public final class ExpirySweeper: Service, Sendable {
    let cache: IndexedCache
    let options: ExpirySweeperOptions
    let handler: @Sendable (ExpiredEntry) async throws -> Void
    private let clock: any Clock<Duration>

    /// A sweeper; nothing is sent before ``run()`` or ``sweep()``.
    ///
    /// - Parameters:
    ///   - cache: A namespace whose ends are noted: give it `expiry: .keys()` or `.values()`.
    ///   - clock: What it rests by.
    ///   - onExpire: Called for each end; several run at once. It is cancelled when `run()` is, and when it
    ///     takes too long: one that does not heed that runs on beside its next attempt.
    /// - Throws: `invalidArgument`.
    public init(
        _ cache: IndexedCache, options: ExpirySweeperOptions = ExpirySweeperOptions(),
        clock: any Clock<Duration> = ContinuousClock(),
        onExpire: @escaping @Sendable (ExpiredEntry) async throws -> Void
    ) throws(CacheError) {
        try cache.check()
        if let flaw = options.flaw() { throw flaw }
        guard cache.expiry.mode != .off else {
            throw CacheError(
                .invalidArgument, operation: "configure",
                message: "the namespace \(cache.namespace) does not note when items end; give it expiry: .keys()")
        }
        self.cache = cache
        self.options = options
        self.clock = clock
        handler = onExpire
    }

    /// Sweeps until a graceful shutdown: then what waits is given back at once and running handlers are waited for.
    ///
    /// One round trip a pause while nothing is due. Redis being away is no error: it is asked again.
    ///
    /// - Throws: `CancellationError` when cancelled.
    public func run() async throws {
        let rest = Rest(clock)
        await withTaskCancellationOrGracefulShutdownHandler {
            let listener = options.usesKeyspaceEvents ? Task { await listen(rest) } : nil
            var wasAway = false
            while !rest.isStopped {
                var pause = options.pause
                do {
                    let pass = try await pass(rest)
                    if let next = pass.next { pause = min(pause, next) }
                    if wasAway { cache.engine.logger.notice("expiry sweeper: Redis answers again") }
                    wasAway = false
                } catch {
                    if !wasAway, !rest.isStopped {
                        cache.engine.logger.warning(
                            "expiry sweeper: Redis does not answer; asked again", metadata: ["error": "\(error)"])
                    }
                    wasAway = true
                }
                await rest.take(pause)
            }
            listener?.cancel()
            await listener?.value
        } onCancelOrGracefulShutdown: {
            rest.stop()
        }
        try Task.checkCancellation()
    }

    /// Tells of everything that is due now; how many ends were handled, or rejected, and acknowledged.
    ///
    /// For programs that have a schedule of their own.
    ///
    /// - Throws: `unavailable`; `CancellationError`.
    @discardableResult
    public func sweep() async throws -> Int { try await pass(Rest(clock)).handled }

    /// Claims and tells until nothing is due.
    private func pass(_ rest: Rest) async throws -> (handled: Int, next: Duration?) {
        var handled = 0
        while true {
            let claim = try await ExpiryClaim.take(cache, options)
            handled += await tell(claim.entries, rest)
            // Not by the number of entries: some of what was looked at may have been given up or have a later end.
            guard claim.hasMore, !rest.isStopped else { return (handled, claim.next) }
        }
    }

    /// The server's own events, if it sends any: a reason to look at once, never the only one.
    private func listen(_ rest: Rest) async {
        let channel = "__keyevent@\(cache.database)__:expired"
        let start = Array(cache.keys.itemStart.utf8)
        do {
            for await event in try await cache.engine.redis.subscribe(channels: [channel]) {
                switch event {
                case .message(let message): if message.payload.starts(with: start) { rest.wake() }
                case .gap: rest.wake()
                }
            }
        } catch {
            cache.engine.logger.info(
                "expiry sweeper: no keyspace events; it looks by itself", metadata: ["error": "\(error)"])
        }
    }
}
