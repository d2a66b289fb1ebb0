import ArgumentParser
import ConfigurationFiles
import Foundation
import Logging

/// `worker run`: handles events by a configuration file.
struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Handles events by a configuration until it is told to stop.",
        discussion: """
            Examples:   worker run --config worker.yaml
                        worker run --config worker.yaml --check
            Signals:    SIGTERM, SIGINT finish what runs and end (a second one ends at once);
                        SIGTSTP stops fetching; SIGTTIN prints what is running.
            Redis is --redis, else redis.url of the configuration, else $REDIS_URL, else an embedded server.
            """)

    @Option(
        name: .shortAndLong, help: ArgumentHelp("The configuration.", valueName: "path"),
        completion: .file(extensions: ["yaml", "yml"]))
    var config = "worker.yaml"
    @Flag(help: "Check the configuration, print what would run, and end.") var check = false
    @Flag(help: "Log (and print the check) as JSON objects.") var json = false
    @Option(
        name: .customLong("log-level"),
        help: ArgumentHelp("One of \(LogLevelOption.names).", valueName: "level"))
    var logLevel = LogLevelOption(level: .info)
    @OptionGroup var redis: RedisOption

    func run() async throws {
        let environment = ProcessInfo.processInfo.environment
        let configuration = try load(environment)
        let url = [redis.url, configuration.redisURL, environment["REDIS_URL"]]
            .compactMap(\.self).first { !$0.isEmpty }
        // Read here so that a bad URL is a configuration error in the check, too.
        let redacted = try url.map { try RedisOption.configuration(url: $0).redactedURL }
        if check {
            let state = StateDirectory.path(configured: configuration.worker.stateDirectory, environment: environment)
            let report = CheckReport(
                file: config, configuration: configuration, redis: redacted ?? "embedded, data under \(state)")
            Terminal.print(json ? report.json.json : report.text)
            return
        }
        LoggingSystem.bootstrap { [json, level = logLevel.level] _ in
            WorkerLogHandler(level: level, format: json ? .json : .text)
        }
        let logger = Logger(label: "worker")
        try await WorkerRun(configuration: configuration, redisURL: url, logger: logger).run()
    }

    private func load(_ environment: [String: String]) throws -> WorkerConfiguration {
        let yaml: String
        do {
            yaml = try ConfigurationFile.read(config)
        } catch {
            throw Failure(.configuration, "\(config) cannot be read: \(error.description)")
        }
        do {
            let configuration = try WorkerConfiguration(yaml: yaml, file: config, environment: environment)
            try configuration.requirePrograms(file: config, path: environment["PATH"])
            return configuration
        } catch {
            throw Failure(.configuration, "the configuration has problems\n\(error)")
        }
    }
}

/// A level of swift-log on the command line.
struct LogLevelOption: ExpressibleByArgument {
    let level: Logger.Level

    static var names: String { Logger.Level.allCases.map(\.rawValue).joined(separator: ", ") }

    init(level: Logger.Level) { self.level = level }

    init?(argument: String) {
        guard let level = Logger.Level(rawValue: argument) else { return nil }
        self.level = level
    }

    var defaultValueDescription: String { level.rawValue }
    static var allValueStrings: [String] { Logger.Level.allCases.map(\.rawValue) }
}
