import CoreMetrics
import Synchronization

/// Keeps sums of counters and numbers of timer records by `label key=value …`.
final class RecordingMetrics: MetricsFactory {
    private final class Instrument: CounterHandler, TimerHandler {
        let total = Atomic(0)

        func increment(by amount: Int64) { total.wrappingAdd(Int(amount), ordering: .relaxed) }
        func reset() { total.store(0, ordering: .relaxed) }
        func recordNanoseconds(_ duration: Int64) { total.wrappingAdd(1, ordering: .relaxed) }
    }

    private let instruments = Mutex<(counters: [String: Instrument], timers: [String: Instrument])>(([:], [:]))

    var counters: [String: Int] {
        instruments.withLock { $0.counters.mapValues { $0.total.load(ordering: .relaxed) } }
    }
    var timers: [String: Int] {
        instruments.withLock { $0.timers.mapValues { $0.total.load(ordering: .relaxed) } }
    }

    private func name(_ label: String, _ dimensions: [(String, String)]) -> String {
        ([label] + dimensions.map { "\($0.0)=\($0.1)" }).joined(separator: " ")
    }

    func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        let name = name(label, dimensions)
        return instruments.withLock { instruments in
            let instrument = instruments.counters[name] ?? Instrument()
            instruments.counters[name] = instrument
            return instrument
        }
    }

    func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        let name = name(label, dimensions)
        return instruments.withLock { instruments in
            let instrument = instruments.timers[name] ?? Instrument()
            instruments.timers[name] = instrument
            return instrument
        }
    }

    func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
        NOOPMetricsHandler.instance
    }

    func destroyCounter(_ handler: any CounterHandler) {}
    func destroyRecorder(_ handler: any RecorderHandler) {}
    func destroyTimer(_ handler: any TimerHandler) {}
}
