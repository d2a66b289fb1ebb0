import ArgumentParser
import Foundation
import Logging
import RedisCore

/// `worker health` tells whether Redis is fit for use.
struct HealthCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "health",
        abstract: "Tells whether Redis is fit for use; exit code 69 when it is not.",
        discussion: """
            Example:    worker health --redis redis://cache:6379 --json | jq .status
            healthy and degraded end with 0, unhealthy with 69.
            """)

    @OptionGroup var redis: RedisOption
    @Option(help: ArgumentHelp("How long to wait for an answer.", valueName: "duration"))
    var timeout: DurationOption = DurationOption(duration: .seconds(2))
    @Flag(help: "Print one JSON object.") var json = false

    func run() async throws {
        let configuration = try redis.configuration()
        // Not connected first: a server that does not answer is a finding here, not an error.
        let client = RedisClient(configuration, logger: CommandLog.logger(level: .critical))
        let health = await client.health(within: timeout.duration)
        await client.close(drain: .zero)
        let report = HealthReport(health: health, url: configuration.redactedURL)
        Terminal.print(json ? report.json.json : report.text(.output))
        if health.status == .unhealthy { throw ExitStatus.unavailable }
    }
}

/// What `worker health` prints.
struct HealthReport {
    let health: RedisHealth
    let url: String

    var json: JSONValue {
        .object([
            "status": .string(health.status.rawValue), "url": .string(url),
            "reasons": .array(health.reasons.map(JSONValue.string)),
            "latencyMilliseconds": health.latency.map { .rounded($0.inSeconds * 1_000) } ?? .null,
            "version": .optional(health.version), "role": .optional(health.role),
            "connectedClients": .optional(health.connectedClients), "usedMemory": .optional(health.usedMemory),
            "residentMemory": .optional(health.residentMemory), "maxMemory": .optional(health.maxMemory),
            "evictionPolicy": .optional(health.evictionPolicy),
        ])
    }

    func text(_ style: Style) -> String {
        let status: String =
            switch health.status {
            case .healthy: style.green("healthy")
            case .degraded: style.yellow("degraded")
            case .unhealthy: style.red("unhealthy")
            }
        var lines = ["\(status)  \(url)"]
        lines += health.reasons.map { "  - \(LogText.clean($0))" }
        let rows: [(String, String?)] = [
            ("version", health.version), ("role", health.role),
            ("round trip", health.latency.map { "\(($0.inSeconds * 100_000).rounded() / 100) ms" }),
            ("clients", health.connectedClients.map(String.init)), ("memory", memory),
            ("eviction", health.evictionPolicy),
        ]
        for case (let name, let value?) in rows {
            lines.append("  " + name.padding(toLength: 12, withPad: " ", startingAt: 0) + LogText.clean(value))
        }
        return lines.joined(separator: "\n")
    }

    private var memory: String? {
        guard let used = health.usedMemory else { return nil }
        let limit = health.maxMemory.map { $0 == 0 ? "no limit" : "of \(Self.mebibytes($0))" }
        return [Self.mebibytes(used), limit].compactMap(\.self).joined(separator: ", ")
    }

    private static func mebibytes(_ bytes: Int) -> String {
        "\((Double(bytes) / 1_048_576 * 10).rounded() / 10) MiB"
    }
}
