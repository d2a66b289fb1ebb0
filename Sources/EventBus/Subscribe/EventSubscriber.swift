public import Logging
public import RedisCore
public import ServiceLifecycle
import Synchronization

/// Receives events from channels and patterns and calls handlers for them, **at most once** each.
///
/// ```swift
/// let subscriber = EventSubscriber(redis, channels: ["orders"], patterns: ["audit.*"])
/// subscriber.on(OrderPlaced.self) { order, context in … }
/// try await subscriber.run()
/// ```
///
/// - An event's handlers are called one after the other in the order of their registration; one that throws does not
///   stop the next and reaches the error hook. Different events are handled at once, see `Options.concurrency` and
///   `Options.ordering`. Handlers run in Swift's pool, never on the event loop.
/// - A message that is no event is counted, logged once per kind and interval, handed to the error hook, and skipped.
/// - Messages wait in one place, the subscription's buffer (`Options.buffer`), where the overflow policy drops and
///   counts; beyond it at most `max(256, 4 × concurrency)` events are taken out and queued for handlers.
/// - After a lost connection the subscription comes back by itself; what was published meanwhile is lost, which the gap
///   hook and the log say.
/// - Graceful shutdown unsubscribes first, then handles what had arrived for at most `Options.drainTimeout`, then
///   cancels the handlers that are left and waits for them to return. Cancelling the task does the last step at once.
/// - Handlers and hooks may be added and removed at any time, from any thread.
public final class EventSubscriber: Service, Sendable {
    /// The registration that gets every event.
    static let everyType = "*"

    /// Whether a run goes on, and its receiver once the subscription stands.
    struct Activity {
        var isRunning = false
        var run: SubscriberRun?
    }

    let backend: any EventBackend
    let channels: [String]
    let patterns: [String]
    let options: Options
    let logger: Logger
    let handlers = HandlerTable()
    let counters = SubscriberCounters()
    let activity = Mutex(Activity())
    let failures: FailureReporter

    /// A subscriber for channels and patterns of Redis; nothing is sent before ``run()``.
    public convenience init(
        _ redis: RedisClient, channels: [String] = [], patterns: [String] = [], options: Options = .init(),
        logger: Logger? = nil
    ) {
        self.init(
            backend: RedisEventBackend(redis), channels: channels, patterns: patterns, options: options,
            logger: logger ?? redis.logger)
    }

    /// A subscriber inside this process.
    public convenience init(
        _ bus: InMemoryEventBus, channels: [String] = [], patterns: [String] = [], options: Options = .init(),
        logger: Logger? = nil
    ) {
        self.init(
            backend: bus, channels: channels, patterns: patterns, options: options,
            logger: logger ?? Logger(label: "signalbox.events"))
    }

    init(
        backend: any EventBackend, channels: [String], patterns: [String], options: Options, logger: Logger
    ) {
        self.backend = backend
        self.channels = channels
        self.patterns = patterns
        self.options = options
        self.logger = logger
        failures = FailureReporter(handlers: handlers, counters: counters, options: options, logger: logger)
    }

    /// What was counted since the subscriber was made, over all its runs.
    public var statistics: SubscriberStatistics {
        // The receiver may be waiting for room just when messages are dropped.
        activity.withLock { $0.run }?.noteDropped()
        return counters.snapshot
    }

    /// Calls `handler` with the decoded payload of every event of the type `P.eventType`.
    ///
    /// A payload that does not fit `P` is a ``EventFailure/Kind/payloadMismatch`` of this handler only.
    @discardableResult
    public func on<P: EventPayload>(
        _ type: P.Type, handler: @escaping @Sendable (P, EventContext) async throws -> Void
    ) -> HandlerRegistration {
        let decoder = options.decoder
        return on(P.eventType) { event, context in
            try await handler(event.decodePayload(as: P.self, using: decoder), context)
        }
    }

    /// Calls `handler` with the payload as it came; `"*"` is every type.
    @discardableResult
    public func on(
        _ type: String, handler: @escaping @Sendable (RawEvent, EventContext) async throws -> Void
    ) -> HandlerRegistration {
        handlers.add(type, options.middleware.chain(around: handler))
    }

    /// Calls `hook` for every message and handler call that failed; runs like a handler, within the concurrency limit.
    @discardableResult
    public func onError(_ hook: @escaping @Sendable (EventFailure) async -> Void) -> HandlerRegistration {
        handlers.addErrorHook(hook)
    }

    /// Calls `hook` after the subscription was deaf for a while; the place to read again what events keep up to date.
    ///
    /// Runs like a handler, within the concurrency limit and in no order with events.
    @discardableResult
    public func onGap(_ hook: @escaping @Sendable (SubscriptionGap) async -> Void) -> HandlerRegistration {
        handlers.addGapHook(hook)
    }
}
