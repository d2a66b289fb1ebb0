import ArgumentParser
import Coordination
import RedisCore

/// `worker leader`: who leads, and an end to it.
struct LeaderCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "leader",
        abstract: "Lists who leads; makes a leader resign.",
        discussion: """
            Example:    worker leader ls
                        worker leader resign billing --bar 5m
            """,
        subcommands: [LeaderListCommand.self, LeaderResignCommand.self])
}

struct LeaderListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ls", abstract: "Lists the elections that have a leader.",
        discussion: "Example:    worker leader ls --json | jq -r 'select(.name == \"billing\").id'")

    @OptionGroup var admin: AdminOptions

    func run() async throws {
        try await admin.withClient { redis in
            let all = try await Elections(redis).all()
            if admin.json {
                for (name, leader) in all { Terminal.print(leader.object(name).json) }
            } else if all.isEmpty {
                Terminal.print("nobody leads anything")
            } else {
                var table = TextTable("ELECTION", "LEADER", "TERM", "LEASE LEFT")
                for (name, leader) in all { table.add(name, leader.id, "\(leader.term)", leader.leaseLeft.brief) }
                Terminal.print(table.text(.output))
            }
        }
    }
}

struct LeaderResignCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resign", abstract: "Ends the leader's term; another candidate takes over at once.",
        discussion: "Example:    worker leader resign billing --bar 5m --yes")

    @OptionGroup var admin: AdminOptions
    @OptionGroup var confirmation: Confirmation
    @Argument(help: "The election's name.") var name: String
    @Option(help: ArgumentHelp("How long it may not campaign again; 0s for not at all.", valueName: "duration"))
    var bar: DurationOption = DurationOption(duration: .seconds(60))

    func run() async throws {
        try confirmation.demand("End the term of the leader of \(name)")
        try await admin.withClient { redis in
            let barring = bar.duration == .zero ? nil : bar.duration
            let leader = try await Elections(redis).forceResignation(name, barring: barring)
            admin.print(
                leader.map { "\(LogText.clean($0.id)) resigned, term \($0.term)" } ?? "nobody led",
                .object([
                    "name": .string(name), "resigned": .bool(leader != nil), "id": .optional(leader?.id),
                    "term": .optional((leader?.term).map(Int.init)),
                ]))
        }
    }
}

extension Leader {
    fileprivate func object(_ name: String) -> JSONValue {
        .object([
            "name": .string(name), "id": .string(id), "term": .optional(Int(term)),
            "leaseLeftSeconds": .rounded(leaseLeft.inSeconds),
        ])
    }
}
