import Logging
import Synchronization
import TestSupport

/// What happened, in order, and a way to wait for it.
final class Recorder<Value: Sendable>: Sendable {
    private let state = Mutex<[Value]>([])
    private let signal = TestSignal("a recorded value")

    var values: [Value] { state.withLock { $0 } }

    func record(_ value: Value) {
        state.withLock { $0.append(value) }
        signal.fire()
    }

    /// Returns once at least `count` values were recorded.
    @discardableResult
    func wait(count: Int) async throws -> [Value] {
        try await signal.wait(count: count)
        return values
    }
}

/// One line of a log.
struct LogLine: Sendable {
    var level: Logger.Level
    var message: String
    var metadata: Logger.Metadata

    /// Message and metadata in one text.
    var text: String { "\(message) \(metadata)" }
}

/// Keeps log lines.
struct RecordingLogHandler: LogHandler {
    let lines: Recorder<LogLine>
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.trace

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let all = metadata.merging(event.metadata ?? [:]) { $1 }
        lines.record(LogLine(level: event.level, message: event.message.description, metadata: all))
    }
}

func recordingLogger(_ lines: Recorder<LogLine>) -> Logger {
    Logger(label: "test") { _ in RecordingLogHandler(lines: lines) }
}

/// Handlers wait at it until it is opened.
final class Gate: Sendable {
    private let opened = TestSignal("the gate's opening")
    /// Fires whenever somebody arrives.
    let arrived = TestSignal("an arrival at the gate")

    func open() { opened.fire() }

    func pass() async throws {
        arrived.fire()
        try await opened.wait()
    }
}

/// Waits until the task is cancelled, and throws `CancellationError` then.
func untilCancelled() async throws {
    try await TestSignal("what never comes").wait(within: .seconds(3_600))
}
