import ArgumentParser
import Foundation
import RedisCore

/// What every verb that looks into coordination takes.
struct AdminOptions: ParsableArguments {
    @OptionGroup var redis: RedisOption
    @Option(help: ArgumentHelp("What the keys begin with, as in the programs' configuration.", valueName: "prefix"))
    var prefix: String = RedisConfiguration().prefix
    @Flag(help: "Print JSON, one object a line.") var json = false

    /// Connects, runs `body`, and closes whatever happens.
    func withClient(_ body: (RedisClient) async throws -> Void) async throws {
        try await redis.withClient(name: "worker-admin", { $0.prefix = prefix }, body)
    }

    /// Prints the object with `--json`, the text otherwise.
    func print(_ text: @autoclosure () -> String, _ object: @autoclosure () -> JSONValue) {
        Terminal.print(json ? object().json : text())
    }
}

/// Whether to do what cannot be undone.
struct Confirmation: ParsableArguments {
    @Flag(name: [.customLong("yes"), .customShort("y")], help: "Do not ask.") var isGiven = false

    /// Returns when the person agrees; ends the command otherwise.
    ///
    /// Where nobody can be asked, `--yes` must have been given.
    func demand(_ question: String) throws {
        if isGiven { return }
        guard isatty(STDIN_FILENO) == 1, Terminal.errorIsTerminal else {
            throw Failure(.usage, "\(question)? Nobody can be asked here: give --yes to say so")
        }
        Terminal.write("\(LogText.clean(question))? [y/N] ", to: STDERR_FILENO)
        let answer = readLine()?.trimmingCharacters(in: .whitespaces).lowercased()
        guard answer == "y" || answer == "yes" else { throw Failure(.usage, "nothing was done") }
    }
}
