import Foundation
import Logging

/// Log lines on standard error: text for people, or one JSON object a line.
struct WorkerLogHandler: LogHandler {
    /// How a line looks.
    enum Format: Sendable { case text, json }

    var metadata: Logger.Metadata = [:]
    var logLevel: Logger.Level
    private let format: Format
    private let style: Style

    init(level: Logger.Level, format: Format, style: Style = .error) {
        logLevel = level
        self.format = format
        self.style = style
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        var merged = metadata
        if let more = event.metadata { merged.merge(more) { _, new in new } }
        if let error = event.error { merged["error"] = "\(error)" }
        let line = line(at: Date(), event.level, "\(event.message)", merged)
        // One write a line, so that lines of several tasks and processes do not mix.
        Terminal.write(line + "\n", to: STDERR_FILENO)
    }

    func line(at date: Date, _ level: Logger.Level, _ message: String, _ metadata: Logger.Metadata) -> String {
        let time = date.formatted(.iso8601.year().month().day().time(includingFractionalSeconds: true)) + "Z"
        let fields = metadata.sorted { $0.key < $1.key }
        switch format {
        case .json:
            var object: [String: JSONValue] = [:]
            for (key, value) in fields { object[key] = .string("\(value)") }
            object["time"] = .string(time)
            object["level"] = .string(level.rawValue)
            object["message"] = .string(message)
            return JSONValue.object(object).json
        case .text:
            var line = "\(style.dim(time)) \(colour(level)) \(LogText.clean(message))"
            for (key, value) in fields { line += " " + style.dim("\(key)=") + Self.quoted("\(value)") }
            return line
        }
    }

    private func colour(_ level: Logger.Level) -> String {
        let name = level.rawValue.padding(toLength: 8, withPad: " ", startingAt: 0)
        return switch level {
        case .trace, .debug: style.dim(name)
        case .info, .notice: style.cyan(name)
        case .warning: style.yellow(name)
        case .error, .critical: style.red(name)
        }
    }

    private static func quoted(_ value: String) -> String {
        let value = LogText.clean(value)
        return value.isEmpty || value.contains(where: { $0 == " " || $0 == "\"" || $0 == "=" })
            ? JSONValue.quoted(value) : value
    }
}
