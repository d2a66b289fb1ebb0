import Foundation

/// Finds the program to start.
enum ServerExecutable {
    static let names = ["redis-server", "valkey-server"]

    /// An absolute path; a name is looked for in `PATH` and where package managers put servers.
    static func locate(_ wanted: String?, path: String?) throws(EmbeddedServerError) -> String {
        let folders = (path ?? "").split(separator: ":").map(String.init)
        for name in wanted.map({ [$0] }) ?? names {
            if name.contains("/") {
                guard isExecutable(name) else { continue }
                return URL(filePath: name).standardizedFileURL.path(percentEncoded: false)
            }
            for folder in folders + ["/usr/bin", "/usr/local/bin", "/opt/homebrew/bin"] where !folder.isEmpty {
                let candidate = folder + "/" + name
                if isExecutable(candidate) { return candidate }
            }
        }
        if let wanted {
            throw EmbeddedServerError(
                .notInstalled, "\(wanted) is not an executable program. \(installHint)")
        }
        throw EmbeddedServerError(.notInstalled, "redis-server is not installed. \(installHint)")
    }

    private static let installHint =
        "Install it with \"sudo apt-get install redis-server\" (Debian, Ubuntu), \"sudo dnf install redis\" (Fedora), "
        + "or \"brew install redis\" (macOS), or name a program in Options.executable."

    private static func isExecutable(_ path: String) -> Bool {
        var isDirectory: ObjCBool = false
        let exists = FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory)
        return exists && !isDirectory.boolValue && FileManager.default.isExecutableFile(atPath: path)
    }
}
