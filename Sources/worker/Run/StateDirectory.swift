/// Where a worker keeps what must outlive it.
enum StateDirectory {
    /// The configured folder, else systemd's, else the user's by the XDG rules, else a hidden one here.
    static func path(configured: String?, environment: [String: String]) -> String {
        func variable(_ name: String) -> String? { environment[name].flatMap { $0.isEmpty ? nil : $0 } }
        if let configured { return configured }
        // systemd gives a list; the first is ours.
        if let folders = variable("STATE_DIRECTORY"), let first = folders.split(separator: ":").first {
            return String(first)
        }
        if let state = variable("XDG_STATE_HOME") { return "\(state)/signalbox" }
        if let home = variable("HOME") { return "\(home)/.local/state/signalbox" }
        return ".signalbox"
    }
}
