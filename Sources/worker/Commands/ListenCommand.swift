import ArgumentParser
import Foundation
import RedisCore

/// `worker listen`: shows what is published.
struct ListenCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "listen",
        abstract: "Shows events as they are published, until interrupted.",
        discussion: """
            Examples:   worker listen orders
                        worker listen 'orders.*' audit --json | jq .event.payload
            A name with one of * ? [ \\ is a pattern.
            """)

    @Argument(help: "Channels and patterns.") var channels: [String]
    @Option(help: ArgumentHelp("End after this many messages.", valueName: "n")) var count: Int?
    @Flag(help: "Print one JSON object a line.") var json = false
    @OptionGroup var redis: RedisOption

    func validate() throws {
        guard !channels.contains("") else { throw ValidationError("A channel must not be empty.") }
        if let count, count < 1 { throw ValidationError("--count must be 1 or more.") }
    }

    func run() async throws {
        try await redis.withClient(name: "worker-listen") { client in
            let subscription = try await client.subscribe(
                channels: channels.filter { !Glob.isPattern($0) }, patterns: channels.filter(Glob.isPattern))
            if Terminal.errorIsTerminal {
                let names = channels.map(LogText.clean).joined(separator: ", ")
                Terminal.printError(Style.error.dim("listening to \(names); ctrl-C ends"))
            }
            var left = count ?? .max
            while left > 0, let batch = await subscription.nextBatch() {
                for event in batch where left > 0 {
                    if show(event) { left -= 1 }
                }
            }
            await subscription.cancel()
        }
    }

    /// True when it was a message.
    private func show(_ event: SubscriptionEvent) -> Bool {
        switch event {
        case .message(let message):
            let line = ListenLine(message: message)
            Terminal.print(json ? line.json.json : line.text(.output))
            return true
        case .gap(let gap):
            let seconds = (gap.until.timeIntervalSince(gap.since) * 10).rounded() / 10
            Terminal.printError(
                Style.error.yellow("connection lost for \(seconds) s, events of that time are missing: \(gap.reason)"))
            return false
        }
    }
}
