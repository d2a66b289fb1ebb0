import ArgumentParser

/// The root of the command line.
struct WorkerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "worker",
        abstract: "Handles events from Redis with any program: at most one worker of a fleet each, locked, limited.",
        usage: "worker <command> …",
        discussion: """
            A first look:    worker demo
            A real one:      worker run --config worker.yaml
            Exit codes:      0 fine, 64 usage, 69 Redis unavailable, 70 a failure inside, 78 configuration.
            Completions:     worker --generate-completion-script bash|zsh|fish
            """,
        version: "0.1.0",
        subcommands: [
            RunCommand.self, PublishCommand.self, ListenCommand.self, HealthCommand.self, DemoCommand.self,
            LockCommand.self, LimitCommand.self, LeaderCommand.self, OnceCommand.self,
        ])
}
