public import Logging
import Synchronization

/// Collects what a logger is told.
public final class LogLines: Sendable {
    /// One line of a log.
    public struct Line: Sendable {
        /// How urgent it is.
        public let level: Logger.Level
        /// What is said.
        public let message: String
        /// The logger's and the line's own.
        public let metadata: Logger.Metadata

        /// Level, message and metadata in one text.
        public var text: String { "\(level) \(message) \(metadata)" }
    }

    private let lines = Mutex<[Line]>([])

    /// Nothing yet.
    public init() {}

    /// A logger whose lines are kept, all levels.
    public var logger: Logger {
        var logger = Logger(label: "test") { _ in Handler(sink: self) }
        logger.logLevel = .trace
        return logger
    }

    /// What was written, in order.
    public var all: [Line] { lines.withLock { $0 } }

    /// How many lines contain the text: level, message and metadata.
    public func count(of part: String) -> Int { all.count { $0.text.contains(part) } }

    private struct Handler: LogHandler {
        let sink: LogLines
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.trace

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            let all = metadata.merging(event.metadata ?? [:]) { $1 }
            sink.lines.withLock {
                $0.append(Line(level: event.level, message: event.message.description, metadata: all))
            }
        }
    }
}
