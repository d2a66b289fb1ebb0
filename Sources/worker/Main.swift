import ArgumentParser
import Foundation

@main
enum Main {
    static func main() async {
        // A closed pipe is an error of one write, not the end of the process.
        signal(SIGPIPE, SIG_IGN)
        do {
            var command = try WorkerCommand.parseAsRoot()
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch let error as ExitStatus {
            exit(error.code)
        } catch let error as Failure {
            Terminal.printError("worker: \(error.message)")
            exit(error.status.code)
        } catch {
            // Help, version and usage errors, with ArgumentParser's own text; 64 for wrong usage.
            WorkerCommand.exit(withError: error)
        }
    }
}
