public import Metrics
import Synchronization

/// Counts handler calls by outcome and measures how long they take.
///
/// `signalbox_event_handler_calls_total{handler, outcome}` with outcome `ok` or `failed`, and the timer
/// `signalbox_event_handler_duration{handler}`. The label `handler` is what the handler was registered for, never a
/// name from the network.
public struct MetricsMiddleware: EventMiddleware {
    private let instruments: Instruments

    /// Reports to `factory`; the bootstrapped system unless another is given.
    public init(factory: any MetricsFactory = MetricsSystem.factory) {
        instruments = Instruments(factory: factory)
    }

    /// Measures one call.
    public func handle(_ event: RawEvent, context: EventContext, next: @escaping EventHandler) async throws {
        let start = ContinuousClock.now
        do {
            try await next(event, context)
        } catch {
            report(context, isFailure: true, since: start)
            throw error
        }
        report(context, isFailure: false, since: start)
    }

    private func report(_ context: EventContext, isFailure: Bool, since start: ContinuousClock.Instant) {
        let set = instruments.set(for: context.registration)
        (isFailure ? set.failed : set.succeeded).increment()
        set.duration.record(duration: ContinuousClock.now - start)
    }
}

/// The instruments of each registration, made once: a metrics system may search for them under a lock of its own.
private final class Instruments: Sendable {
    struct Set: Sendable {
        let succeeded: Counter
        let failed: Counter
        let duration: Timer
    }

    private let factory: any MetricsFactory
    private let sets = Mutex<[String: Set]>([:])

    init(factory: any MetricsFactory) { self.factory = factory }

    func set(for registration: String) -> Set {
        sets.withLock { sets in
            if let set = sets[registration] { return set }
            let handler = ("handler", registration)
            func calls(_ outcome: String) -> Counter {
                Counter(
                    label: EventMetrics.handlerCalls, dimensions: [handler, ("outcome", outcome)], factory: factory)
            }
            let set = Set(
                succeeded: calls("ok"), failed: calls("failed"),
                duration: Timer(label: EventMetrics.handlerDuration, dimensions: [handler], factory: factory))
            sets[registration] = set
            return set
        }
    }
}
