import ConfigurationFiles
import Foundation

extension WorkerConfiguration {
    /// Every program of a `run:` must be there and executable: better known at the start than at the first event.
    func requirePrograms(file: String, path: String?) throws(InvalidConfiguration) {
        var problems: [ConfigurationProblem] = []
        for (index, handler) in handlers.enumerated() {
            guard case .run(let command) = handler.action, let program = command.first else { continue }
            guard !Self.isExecutable(program, path: path) else { continue }
            let place = program.contains("/") ? "is not an executable file" : "is not found in PATH"
            problems.append(
                .init(line: nil, column: nil, key: "handlers[\(index)].run", message: "'\(program)' \(place)"))
        }
        guard problems.isEmpty else { throw InvalidConfiguration(file: file, problems: problems) }
    }

    private static func isExecutable(_ program: String, path: String?) -> Bool {
        let folders = (path ?? "/usr/bin:/bin").split(separator: ":").map(String.init)
        let candidates = program.contains("/") ? [program] : folders.map { "\($0)/\(program)" }
        return candidates.contains { candidate in
            var information = stat()
            return stat(candidate, &information) == 0 && information.st_mode & S_IFMT == S_IFREG
                && access(candidate, X_OK) == 0
        }
    }
}
