import ArgumentParser
import EventBus
import Foundation

/// `worker publish`: one event from the command line, or many from a file.
struct PublishCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "publish",
        abstract: "Publishes one event, or each line of a file as one.",
        discussion: """
            Examples:   worker publish orders order.placed '{"id": 7, "total": 12.50}'
                        worker publish orders order.placed --file orders.ndjson --rate 200/s
                        generate | worker publish orders order.placed -
            Lines that are not JSON are skipped, counted and reported with their numbers; the exit code is then 64.
            Delivery is at most once: who is not subscribed at that moment does not get the event.
            """)

    @Argument(help: "The channel.") var channel: String
    @Argument(help: "The event's type, such as order.placed.") var type: String
    @Argument(help: "The payload as JSON, or - for lines from standard input.") var payload: String?
    @Option(
        help: ArgumentHelp("A file with one JSON payload a line.", valueName: "path"),
        completion: .file(extensions: ["ndjson", "jsonl"]))
    var file: String?
    @Option(help: ArgumentHelp("At most this many events, such as 200/s or 30/m.", valueName: "n/s"))
    var rate: PublishRate?
    @Option(help: ArgumentHelp("What the event names as its source.", valueName: "name"))
    var source = "worker-cli"
    @Flag(help: "Print one JSON object.") var json = false
    @OptionGroup var redis: RedisOption

    func validate() throws {
        guard !channel.isEmpty, !type.isEmpty else { throw ValidationError("CHANNEL and TYPE must not be empty.") }
        switch (payload, file) {
        case (nil, nil): throw ValidationError("Give the payload as JSON, --file PATH, or - for standard input.")
        case (.some, .some): throw ValidationError("Give either a payload or --file, not both.")
        default: break
        }
        if let payload, payload != "-" {
            do throws(JSONParser.Failure) {
                _ = try JSONParser.parse(payload)
            } catch {
                throw ValidationError("The payload is not JSON: \(error).")
            }
            if rate != nil { throw ValidationError("--rate is for many events; here is one.") }
        }
    }

    func run() async throws {
        if let payload, payload != "-" {
            try await publishOne(payload)
        } else {
            try await publishLines(of: file ?? "-")
        }
    }

    private func publishOne(_ payload: String) async throws {
        let deliveries = try await redis.withClient(name: "worker-publish") { client in
            try await EventPublisher(client, source: source)
                .publish(type: type, payloadJSON: Data(payload.utf8), to: channel)
        }
        if json {
            let object: JSONValue = .object([
                "published": 1, "deliveries": .number("\(deliveries)"), "brokenLines": 0, "broken": .array([]),
            ])
            Terminal.print(object.json)
        } else {
            Terminal.print("published to \(channel): \(Self.subscribers(deliveries))")
        }
    }

    private func publishLines(of path: String) async throws {
        let reader = try LineReader(path: path)
        let size = reader.size
        let bar = ProgressBar(isWorthwhile: !json && (rate != nil || (size ?? .max) > 1 << 20))
        let start = ContinuousClock.now
        let progress = try await redis.withClient(name: "worker-publish") { client in
            let publisher = EventFilePublisher(
                publisher: EventPublisher(client, source: source), channel: channel, type: type, rate: rate)
            defer { bar.clear() }
            return try await publisher.publish(reader) { bar.show($0, size: size) }
        }
        report(progress, elapsed: .now - start)
        if progress.broken > 0 { throw ExitStatus.usage }
    }

    private func report(_ progress: EventFilePublisher.Progress, elapsed: Duration) {
        if json {
            let broken = progress.firstBroken.map { line in
                JSONValue.object(["line": .number("\(line.number)"), "problem": .string(line.problem)])
            }
            Terminal.print(
                JSONValue.object([
                    "published": .number("\(progress.published)"), "deliveries": .number("\(progress.deliveries)"),
                    "brokenLines": .number("\(progress.broken)"), "broken": .array(broken),
                    "seconds": .rounded(elapsed.inSeconds),
                ]).json)
            return
        }
        for line in progress.firstBroken { Terminal.printError("line \(line.number) is broken: \(line.problem)") }
        if progress.broken > progress.firstBroken.count {
            Terminal.printError("… and \(progress.broken - progress.firstBroken.count) more broken lines")
        }
        let seconds = (elapsed.inSeconds * 100).rounded() / 100
        Terminal.print(
            "published \(progress.published) events to \(channel) in \(seconds) s, "
                + "\(progress.deliveries) deliveries, \(progress.broken) broken lines skipped")
    }

    private static func subscribers(_ count: Int) -> String {
        switch count {
        case 0: "nobody is subscribed"
        case 1: "1 subscriber"
        default: "\(count) subscribers"
        }
    }
}
