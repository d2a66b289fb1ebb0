@preconcurrency import Dispatch
import Foundation

/// The worker's signals as a stream.
///
/// While it exists the signals have no other effect on this process.
final class SignalWatcher: Sendable {
    let signals: AsyncStream<WorkerSignal>
    private let sources: [any DispatchSourceSignal]

    static let numbers: [(number: Int32, signal: WorkerSignal)] = [
        (SIGTERM, .terminate), (SIGINT, .interrupt), (SIGTSTP, .stopFetching), (SIGTTIN, .report),
    ]

    init(_ watched: [WorkerSignal] = WorkerSignal.allCases) {
        let queue = DispatchQueue(label: "signalbox.signals")
        let (signals, continuation) = AsyncStream.makeStream(of: WorkerSignal.self)
        self.signals = signals
        sources = Self.numbers.filter { watched.contains($0.signal) }.map { number, signal in
            #if canImport(Darwin)
            // kqueue reports a signal beside its action, so the action must be none. Elsewhere Dispatch sees to it.
            Foundation.signal(number, SIG_IGN)
            #endif
            let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
            source.setEventHandler { continuation.yield(signal) }
            source.resume()
            return source
        }
    }

    deinit { sources.forEach { $0.cancel() } }

    static func number(of signal: WorkerSignal) -> Int32 {
        numbers.first { $0.signal == signal }?.number ?? SIGTERM
    }
}
