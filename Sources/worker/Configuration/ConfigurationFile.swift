import Foundation

/// Reads a configuration file, which is small text or not one of ours.
enum ConfigurationFile {
    static let maxBytes = 1 << 20

    struct Unreadable: Error, CustomStringConvertible {
        let description: String
    }

    static func read(_ path: String) throws(Unreadable) -> String {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Unreadable(description: String(cString: strerror(errno))) }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = chunk.withUnsafeMutableBytes { Foundation.read(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw Unreadable(description: String(cString: strerror(errno))) }
            if count == 0 { break }
            bytes += chunk[..<count]
            guard bytes.count <= maxBytes else { throw Unreadable(description: "it is larger than 1 MiB") }
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw Unreadable(description: "it is not UTF-8 text")
        }
        return text
    }
}

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
