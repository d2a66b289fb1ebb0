import Coordination
import RedisCore

/// What `worker run --check` prints about a valid configuration.
struct CheckReport {
    let file: String
    let configuration: WorkerConfiguration
    /// Where Redis is, without its password.
    let redis: String

    var text: String {
        let worker = configuration.worker
        var lines = [
            "\(file) is valid",
            "redis    \(redis), checks \(configuration.checks.rawValue)",
            "worker   \(worker.name), \(worker.concurrency) at a time, queue \(worker.queue), "
                + "drain \(DurationText.text(worker.drainTimeout))",
        ]
        for handler in configuration.handlers {
            lines.append("handler  \(handler.name)")
            lines += Self.rows(of: handler).map { name, value in
                "  " + name + String(repeating: " ", count: max(1, 13 - name.count)) + LogText.clean(value)
            }
        }
        return lines.joined(separator: "\n")
    }

    var json: JSONValue {
        let worker = configuration.worker
        return .object([
            "file": .string(file), "redis": .string(redis), "checks": .string(configuration.checks.rawValue),
            "worker": .object([
                "name": .string(worker.name), "concurrency": .number("\(worker.concurrency)"),
                "drainTimeout": .string(DurationText.text(worker.drainTimeout)), "queue": .number("\(worker.queue)"),
            ]),
            "handlers": .array(
                configuration.handlers.map { handler in
                    var object = Dictionary(
                        uniqueKeysWithValues: Self.rows(of: handler).map { ($0, JSONValue.string($1)) })
                    object["name"] = .string(handler.name)
                    return .object(object)
                }),
        ])
    }

    private static func rows(of handler: HandlerConfiguration) -> [(String, String)] {
        var rows: [(String, String)] = []
        switch handler.source {
        case .channel(let name): rows.append(("channel", name))
        case .pattern(let name): rows.append(("pattern", name))
        }
        let types = handler.types.globs.map(\.pattern)
        rows.append(("type", types.isEmpty ? "every type" : types.joined(separator: ", ")))
        switch handler.action {
        case .run(let command): rows.append(("run", command.map(quoted).joined(separator: " ")))
        case .publish(let channel, let type, let payload):
            var text = "to \(channel.source)"
            if let type { text += " as \(type.source)" }
            if let payload { text += " with \(payload.source)" }
            rows.append(("publish", text))
        case .log(let message, let level): rows.append(("log", "\(level): \(message.source)"))
        }
        rows.append(("timeout", DurationText.text(handler.timeout)))
        if let concurrency = handler.concurrency { rows.append(("concurrency", "\(concurrency)")) }
        if let dedupe = handler.dedupe { rows.append(("dedupe", text(of: dedupe))) }
        if let lock = handler.lock {
            rows.append(
                (
                    "lock",
                    "\(lock.name.source), ttl \(DurationText.text(lock.ttl)), wait \(DurationText.text(lock.wait))"
                ))
        }
        if let limit = handler.rateLimit { rows.append(("rateLimit", limit.description)) }
        if !handler.environment.isEmpty {
            // Names only: values may be secrets that came in through variables.
            rows.append(("environment", handler.environment.keys.sorted().joined(separator: ", ")))
        }
        return rows
    }

    private static func text(of dedupe: HandlerConfiguration.Dedupe) -> String {
        var parts = [dedupe.key.source, dedupe.mode.rawValue]
        switch dedupe.mode {
        case .untilFinished: break
        case .throttle:
            parts += ["window \(DurationText.text(dedupe.window))", "release on \(dedupe.releaseOn.rawValue)"]
        case .debounce:
            parts.append("quiet \(DurationText.text(dedupe.window))")
            if let most = dedupe.maxWait { parts.append("at most \(DurationText.text(most))") }
        case .keepResult: parts.append("window \(DurationText.text(dedupe.window))")
        }
        parts += ["lease \(DurationText.text(dedupe.lease))", "on failure \(dedupe.onFailure.rawValue)"]
        return (parts + ["followers \(dedupe.followers.rawValue)"]).joined(separator: ", ")
    }

    private static func quoted(_ word: String) -> String {
        let isPlain = !word.isEmpty && word.allSatisfy { $0.isLetter || $0.isNumber || "-_./=:,+@%".contains($0) }
        return isPlain ? word : "'" + word.replacing("'", with: "'\\''") + "'"
    }
}
