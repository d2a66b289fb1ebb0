import Logging
import Metrics
import RedisCore
import Synchronization

/// Counts failures, logs them once per kind and interval, and passes them to the error hooks.
final class FailureReporter: Sendable {
    private enum Line: Hashable {
        case failure(EventFailure.Kind)
        case dropped
    }

    private let handlers: HandlerTable
    private let counters: SubscriberCounters
    private let logger: Logger
    private let gate: Mutex<LogGate<Line>>
    private let failureCounters: [EventFailure.Kind: Counter]
    private let droppedCounter: Counter
    private let gapCounter: Counter

    init(handlers: HandlerTable, counters: SubscriberCounters, options: EventSubscriber.Options, logger: Logger) {
        self.handlers = handlers
        self.counters = counters
        self.logger = logger
        gate = Mutex(LogGate(interval: options.logInterval))
        failureCounters = Dictionary(
            uniqueKeysWithValues: EventFailure.Kind.allCases.map { kind in
                let dimensions = [("kind", kind.rawValue)]
                return (kind, Counter(label: EventMetrics.failures, dimensions: dimensions, factory: options.metrics))
            })
        droppedCounter = Counter(label: EventMetrics.dropped, factory: options.metrics)
        gapCounter = Counter(label: EventMetrics.gaps, factory: options.metrics)
    }

    /// True when somebody wants to hear of failures.
    var hasHooks: Bool { !handlers.errorHooks.isEmpty }

    /// Counts and logs; the hooks are called apart, where user code may take its time.
    func note(_ failure: EventFailure) {
        counters.count(failure.kind)
        failureCounters[failure.kind]?.increment()
        log(.failure(failure.kind), level: failure.kind == .unknownType ? .info : .warning) { metadata in
            metadata["kind"] = .string(failure.kind.rawValue)
            metadata["channel"] = .string(LogText.short(failure.channel))
            metadata["bytes"] = .stringConvertible(failure.message.count)
            if let type = failure.eventType { metadata["event_type"] = .string(LogText.short(type)) }
            // A handler's own error is its author's text; ours contain no payload.
            metadata["error"] = .string((failure.error as? EventBusError)?.message ?? "\(failure.error)")
            return failure.kind == .handler ? "event handler failed" : "event not handled"
        }
    }

    /// Calls the hooks, one after the other.
    func callHooks(_ failure: EventFailure) async {
        for hook in handlers.errorHooks { await hook.call(failure) }
    }

    func noteDropped(_ count: Int) {
        counters.dropped.increment(by: count)
        droppedCounter.increment(by: count)
        log(.dropped, level: .warning) { metadata in
            metadata["dropped"] = .stringConvertible(count)
            return "messages dropped, the subscription's buffer was full"
        }
    }

    /// Gaps are as rare as reconnections, so each has its line.
    func noteGap(_ gap: SubscriptionGap) {
        counters.gaps.increment()
        gapCounter.increment()
        logger.warning(
            "subscription was interrupted, events published meanwhile are lost",
            metadata: [
                "since": .stringConvertible(gap.since), "until": .stringConvertible(gap.until),
                "reason": .string(LogText.short(gap.reason)),
            ])
    }

    private func log(_ line: Line, level: Logger.Level, _ text: (inout Logger.Metadata) -> Logger.Message) {
        guard logger.logLevel <= level else { return }
        let now = ContinuousClock.now
        guard let suppressed = gate.withLock({ $0.pass(line, at: now) }) else { return }
        var metadata: Logger.Metadata = [:]
        let message = text(&metadata)
        if suppressed > 0 { metadata["suppressed"] = .stringConvertible(suppressed) }
        logger.log(level: level, message, metadata: metadata)
    }
}
