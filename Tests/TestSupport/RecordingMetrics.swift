public import CoreMetrics
import Synchronization

/// A backend that keeps sums of counters and numbers of timer records by `label key=value …`.
///
/// Hand it to what is tested as its factory: the one of `MetricsSystem` is for the process, and can be set only once.
public final class RecordingMetrics: MetricsFactory {
    private final class Instrument: CounterHandler, TimerHandler {
        let total = Atomic(0)

        func increment(by amount: Int64) { total.wrappingAdd(Int(amount), ordering: .relaxed) }
        func reset() { total.store(0, ordering: .relaxed) }
        func recordNanoseconds(_ duration: Int64) { total.wrappingAdd(1, ordering: .relaxed) }
    }

    private let instruments = Mutex<(counters: [String: Instrument], timers: [String: Instrument])>(([:], [:]))

    /// Nothing yet.
    public init() {}

    /// Every counter that was made, with its sum.
    public var counters: [String: Int] {
        instruments.withLock { $0.counters.mapValues { $0.total.load(ordering: .relaxed) } }
    }
    /// Every timer that was made, with the number of its records.
    public var timers: [String: Int] {
        instruments.withLock { $0.timers.mapValues { $0.total.load(ordering: .relaxed) } }
    }

    private func name(_ label: String, _ dimensions: [(String, String)]) -> String {
        ([label] + dimensions.map { "\($0.0)=\($0.1)" }).joined(separator: " ")
    }

    /// For swift-metrics.
    public func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        let name = name(label, dimensions)
        return instruments.withLock { instruments in
            let instrument = instruments.counters[name] ?? Instrument()
            instruments.counters[name] = instrument
            return instrument
        }
    }

    /// For swift-metrics.
    public func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        let name = name(label, dimensions)
        return instruments.withLock { instruments in
            let instrument = instruments.timers[name] ?? Instrument()
            instruments.timers[name] = instrument
            return instrument
        }
    }

    /// For swift-metrics.
    public func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
        NOOPMetricsHandler.instance
    }

    /// For swift-metrics.
    public func destroyCounter(_ handler: any CounterHandler) {}
    /// For swift-metrics.
    public func destroyRecorder(_ handler: any RecorderHandler) {}
    /// For swift-metrics.
    public func destroyTimer(_ handler: any TimerHandler) {}
}
