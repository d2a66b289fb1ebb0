import Logging
import Metrics
import RedisCore
import ServiceLifecycle
import Synchronization

/// One run of a subscriber: a receiver that reads envelopes and queues them, lanes that handle them, and a watcher that
/// turns a graceful shutdown into an end.
///
/// All of them are child tasks, so nothing outlives `run()`.
final class SubscriberRun: Sendable {
    private enum Job: Sendable {
        case event(RawEvent, channel: String, pattern: String?)
        case failure(EventFailure)
        case gap(SubscriptionGap)
    }

    private enum Ending {
        case subscriptionEnded, drainTimeout
    }

    private let subscriber: EventSubscriber
    private let subscription: any EventSubscription
    private let dispatcher: Dispatcher<Job>
    private let reader: EnvelopeReader
    private let isStopping = Atomic(false)
    /// What `noteDropped` has counted so far.
    private let droppedBefore = Mutex(0)
    private let receivedCounter: Counter

    init(subscriber: EventSubscriber, subscription: any EventSubscription) {
        self.subscriber = subscriber
        self.subscription = subscription
        let options = subscriber.options
        dispatcher = Dispatcher(concurrency: options.concurrency, window: options.window)
        reader = EnvelopeReader(limits: options.limits)
        receivedCounter = Counter(label: EventMetrics.received, factory: options.metrics)
    }

    /// Returns when every handler has; true when the subscription ended and nobody had asked for it.
    func run() async -> Bool {
        let ending = await withTaskCancellationHandler {
            await withTaskGroup(of: Ending?.self) { group in
                group.addTask {
                    await self.receive()
                    return .subscriptionEnded
                }
                group.addTask { await self.watchShutdown() }
                let first = await group.next() ?? nil
                if first == .drainTimeout { dispatcher.stop() }
                group.cancelAll()
                await group.waitForAll()
                return first
            }
        } onCancel: {
            dispatcher.stop()
        }
        await noteAbandoned(buffered: ending == .drainTimeout ? countBuffered() : 0)
        noteDropped()
        return ending == .subscriptionEnded && !isStopping.load(ordering: .relaxed)
    }

    /// Waits for a graceful shutdown and then, at most, for the drain.
    private func watchShutdown() async -> Ending? {
        do {
            try await gracefulShutdown()
            isStopping.store(true, ordering: .relaxed)
            await subscription.finish()
            // A year is as good as for ever and cannot overflow the clock.
            try await Task.sleep(for: min(subscriber.options.drainTimeout, .seconds(31_536_000)))
            return .drainTimeout
        } catch {
            // The run has ended or was cancelled before anybody asked for a shutdown, or within the drain.
            return nil
        }
    }

    /// Counts what is still in the finished subscription's buffer.
    private func countBuffered() async -> Int {
        var count = 0
        while let batch = await subscription.nextBatch(limit: .max) {
            count += batch.count { if case .message = $0 { true } else { false } }
        }
        subscriber.counters.received.increment(by: count)
        receivedCounter.increment(by: count)
        return count
    }

    private func noteAbandoned(buffered: Int) {
        let queued = dispatcher.forgotten.count { if case .event = $0 { true } else { false } }
        let abandoned = buffered + queued
        guard abandoned > 0 else { return }
        subscriber.counters.abandoned.increment(by: abandoned)
        subscriber.logger.warning(
            "subscriber ended before all events were handled", metadata: ["abandoned": .stringConvertible(abandoned)])
    }

    // MARK: Receiving

    private func receive() async {
        await withDiscardingTaskGroup { group in
            while let room = await dispatcher.room(), let batch = await subscription.nextBatch(limit: room) {
                let jobs = batch.compactMap { job(for: $0) }
                noteDropped()
                for _ in 0..<dispatcher.admit(jobs) {
                    group.addTask { await self.dispatcher.runLane { await self.perform($0) } }
                }
            }
        }
    }

    private func job(for event: SubscriptionEvent) -> DispatchMachine<Job>.Assignment? {
        switch event {
        case .gap(let gap):
            subscriber.failures.noteGap(gap)
            return subscriber.handlers.gapHooks.isEmpty ? nil : .init(job: .gap(gap), key: nil)
        case .message(let message):
            subscriber.counters.received.increment()
            receivedCounter.increment()
            do throws(EnvelopeFault) {
                let event = try reader.read(message.payload)
                return .init(
                    job: .event(event, channel: message.channel, pattern: message.pattern),
                    key: subscriber.options.ordering.key(of: event))
            } catch {
                let failure = EventFailure(error, message)
                subscriber.failures.note(failure)
                return subscriber.failures.hasHooks ? .init(job: .failure(failure), key: nil) : nil
            }
        }
    }

    /// Counts what the subscription has dropped since the last look; from any thread.
    func noteDropped() {
        // Read under the lock, so that two lookers cannot count the same messages.
        let news = droppedBefore.withLock { before in
            let now = subscription.dropped
            defer { before = now }
            return now - before
        }
        if news > 0 { subscriber.failures.noteDropped(news) }
    }

    // MARK: Handling

    private func perform(_ job: Job) async {
        switch job {
        case .failure(let failure): await subscriber.failures.callHooks(failure)
        case .gap(let gap):
            for hook in subscriber.handlers.gapHooks { await hook.call(gap) }
        case .event(let event, let channel, let pattern):
            await handle(event, channel, pattern)
        }
    }

    private func handle(_ event: RawEvent, _ channel: String, _ pattern: String?) async {
        let handlers = subscriber.handlers.handlers(for: event.type)
        if handlers.isEmpty {
            await report(.unknownType, Self.unknown(event, channel), event, channel, pattern, nil)
        }
        for handler in handlers {
            let context = EventContext(
                event: event, channel: channel, pattern: pattern, registration: handler.registration,
                logger: subscriber.logger)
            do {
                try await handler.handle(event, context)
                subscriber.counters.handled.increment()
            } catch {
                let kind: EventFailure.Kind = (error as? EventBusError)?.code == .decoding ? .payloadMismatch : .handler
                await report(kind, error, event, channel, pattern, handler.registration)
            }
        }
    }

    private func report(
        _ kind: EventFailure.Kind, _ error: any Error, _ event: RawEvent, _ channel: String, _ pattern: String?,
        _ registration: String?
    ) async {
        let failure = EventFailure(
            kind: kind, channel: channel, pattern: pattern, eventType: event.type, registration: registration,
            error: error, message: event.storage.bytes)
        subscriber.failures.note(failure)
        await subscriber.failures.callHooks(failure)
    }

    private static func unknown(_ event: RawEvent, _ channel: String) -> EventBusError {
        EventBusError(
            .decoding, operation: "handle", channel: channel, eventType: event.type,
            message: "no handler is registered for the type \(LogText.short(event.type))")
    }
}

extension EventFailure {
    fileprivate init(_ fault: EnvelopeFault, _ message: SubscriptionMessage) {
        let kind: Kind =
            switch fault {
            case .tooLarge: .tooLarge
            case .notUTF8: .notUTF8
            case .tooDeep: .tooDeep
            case .malformed: .undecodable
            }
        self.init(
            kind: kind, channel: message.channel, pattern: message.pattern, eventType: nil, registration: nil,
            error: fault.asError(operation: "decode", channel: message.channel), message: message.payload)
    }
}
