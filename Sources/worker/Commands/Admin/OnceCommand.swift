import ArgumentParser
import Coordination
import RedisCore

/// `worker once`: looks at guarded tasks, and lets one run again.
struct OnceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "once",
        abstract: "Shows what became of a task; lets it run again.",
        discussion: """
            A handler's dedupe has the id HANDLER/KEY.
            Example:    worker once show thumbnail/7
                        worker once release thumbnail/7
            """,
        subcommands: [OnceShowCommand.self, OnceReleaseCommand.self])
}

struct OnceShowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Shows what became of a task.",
        discussion: "Example:    worker once show thumbnail/7 --json | jq -r .phase")

    @OptionGroup var admin: AdminOptions
    @Argument(help: "The task's id.") var id: String

    func run() async throws {
        try await admin.withClient { redis in
            let state = try await TaskCoordinator(redis).inspect(id)
            guard let state else {
                return admin.print(
                    "nothing is known of it: it can run", .object(["id": .string(id), "phase": .null]))
            }
            var table = TextTable("PHASE", "OWNER", "FENCE", "ATTEMPTS", "LEASE LEFT", "KEPT FOR")
            table.add(
                state.phase.rawValue, state.owner, "\(state.fence)", "\(state.attempts)", state.leaseLeft?.brief ?? "",
                state.retentionLeft.brief)
            admin.print(table.text(.output), state.object(id))
        }
    }
}

struct OnceReleaseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "release",
        abstract: "Forgets a task's outcome, or takes it from its owner, so that it can run again.",
        discussion: "Example:    worker once release thumbnail/7 --yes")

    @OptionGroup var admin: AdminOptions
    @OptionGroup var confirmation: Confirmation
    @Argument(help: "The task's id.") var id: String

    func run() async throws {
        try confirmation.demand("Let \(id) run again")
        try await admin.withClient { redis in
            let state = try await TaskCoordinator(redis).release(id)
            admin.print(
                state.map { "released; it was \($0.phase.rawValue) at \(LogText.clean($0.owner))" }
                    ?? "nothing kept it from running",
                .object([
                    "id": .string(id), "released": .bool(state != nil), "phase": .optional(state?.phase.rawValue),
                    "owner": .optional(state?.owner),
                ]))
        }
    }
}

extension TaskState {
    fileprivate func object(_ id: String) -> JSONValue {
        .object([
            "id": .string(id), "phase": .string(phase.rawValue), "owner": .string(owner),
            "fence": .optional(Int(fence)),
            "attempts": .optional(attempts), "leaseLeftSeconds": leaseLeft.map { .rounded($0.inSeconds) } ?? .null,
            "retentionLeftSeconds": .rounded(retentionLeft.inSeconds),
        ])
    }
}
