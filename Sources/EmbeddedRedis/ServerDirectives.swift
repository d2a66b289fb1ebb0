/// The server's configuration as text, read by `redis-server -` from standard input.
///
/// Standard input keeps a password out of the process list and leaves no file. Every line ends up in the server's
/// parser, so whatever comes from a caller is checked for characters that would begin another line.
struct ServerDirectives {
    /// Set here, or would take the process away from its supervisor.
    static let reserved: Set<String> = [
        "appendonly", "bind", "cluster-enabled", "daemonize", "dir", "include", "logfile", "pidfile", "port",
        "protected-mode", "replicaof", "slaveof", "supervised", "tls-port", "unixsocket", "unixsocketperm",
    ]

    /// The password clients must use, when a directive sets one.
    let password: String?
    private let extra: [(name: String, value: String)]
    private let appendOnly: Bool
    private let isTemporary: Bool

    init(_ options: EmbeddedServer.Options) throws(EmbeddedServerError) {
        var extra: [(name: String, value: String)] = []
        for (name, value) in options.directives.sorted(by: { $0.key < $1.key }) {
            extra.append((name: try Self.checkedName(name), value: try Self.checkedValue(value, of: name)))
        }
        password = extra.last { $0.name == "requirepass" }?.value
        if let password, password.contains(where: { " \t\"'\\".contains($0) }) {
            throw EmbeddedServerError(
                .invalidOption, "The directive requirepass must be one word without quotes, spaces or backslashes.")
        }
        self.extra = extra
        appendOnly = options.appendOnly
        isTemporary = options.directory == nil
    }

    func text(directory: String, socket: String, port: Int?) -> String {
        var lines = [
            "daemonize no", "supervised no", "logfile \"\"", "dir \(Self.quoted(directory))",
            "unixsocket \(Self.quoted(socket))", "unixsocketperm 700", "bind 127.0.0.1", "port \(port ?? 0)",
            "appendonly \(appendOnly ? "yes" : "no")",
        ]
        // Snapshots of a folder that is about to be removed would only cost writes.
        if isTemporary { lines.append("save \"\"") }
        lines += extra.map { "\($0.name) \($0.value.isEmpty ? "\"\"" : $0.value)" }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func checkedName(_ name: String) throws(EmbeddedServerError) -> String {
        let lower = name.lowercased()
        guard !lower.isEmpty, !lower.hasPrefix("-"), lower.utf8.allSatisfy({ isDirectiveByte($0) }) else {
            throw EmbeddedServerError(
                .invalidOption, "\"\(printable(name))\" is not a directive's name: letters, digits and '-' only.")
        }
        guard !reserved.contains(lower) else {
            throw EmbeddedServerError(
                .invalidOption, "The directive \(lower) is set by EmbeddedServer itself; use its options instead.")
        }
        return lower
    }

    private static func isDirectiveByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"): true
        default: false
        }
    }

    private static func checkedValue(_ value: String, of name: String) throws(EmbeddedServerError) -> String {
        guard value.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7f }) else {
            throw EmbeddedServerError(
                .invalidOption, "The value of directive \(printable(name)) contains a line break or control character.")
        }
        return value
    }

    /// For error texts: control characters of a refused name must not reach a terminal.
    private static func printable(_ text: String) -> String {
        String(text.prefix(40).map { $0.isASCII && ($0.asciiValue ?? 0) >= 0x20 && $0 != "\u{7f}" ? $0 : "?" })
    }

    /// The server's double-quoted form, every unusual byte as `\xHH`.
    static func quoted(_ text: String) -> String {
        var result = "\""
        for byte in text.utf8 {
            if byte >= 0x20, byte < 0x7f, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\") {
                result.unicodeScalars.append(Unicode.Scalar(byte))
            } else {
                result += "\\x" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
            }
        }
        return result + "\""
    }
}
