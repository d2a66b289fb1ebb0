import RedisCore

/// What a server was asked, read off MONITOR: which keys every script declares and uses, and in which slots they lie.
///
/// ```swift
/// let audit = try await ScriptAudit.during(server) { try await useEverything(redis) }
/// #expect(audit.violations == [])
/// ```
public struct ScriptAudit {
    /// Scripts that use keys they do not declare, or declare keys of several slots.
    public private(set) var violations: [String] = []
    /// Calls of scripts.
    public private(set) var scripts = 0
    /// The SHA-1 of every script that was called.
    public private(set) var shas: Set<String> = []
    /// Every command that was sent, or called by a script.
    public private(set) var commands: Set<String> = []
    /// Every key that a script used.
    public private(set) var keys: Set<String> = []
    private var declared: [String] = []
    private let exceptions: Set<String>

    /// Reads lines; scripts whose SHA-1 is in `exceptions` may use several slots.
    public init(exceptions: Set<String> = []) { self.exceptions = exceptions }

    /// All that the server was asked while `body` ran.
    public static func during(
        _ server: RedisServer, exceptions: Set<String> = [], isolation: isolated (any Actor)? = #isolation,
        _ body: () async throws -> Void
    ) async throws -> ScriptAudit {
        let monitor = try server.connect(timeout: .seconds(20))
        _ = try monitor.call(["MONITOR"])
        try await body()
        let end = "the end of the audit"
        try server("ECHO", end)
        var audit = ScriptAudit(exceptions: exceptions)
        while let line = try monitor.receive().string {
            let words = words(line)
            if words == ["ECHO", end] { break }
            audit.read(words, isInScript: line.contains(" lua] "))
        }
        return audit
    }

    mutating func read(_ words: [String], isInScript: Bool) {
        guard let command = words.first?.uppercased() else { return }
        commands.insert(command)
        if command == "EVALSHA" || command == "EVAL", words.count > 2, let count = Int(words[2]) {
            scripts += 1
            let sha = command == "EVAL" ? RedisScript("audited", words[1]).sha : words[1]
            shas.insert(sha)
            declared = Array(words.dropFirst(3).prefix(count))
            if Set(declared.map(Self.slotText)).count > 1, !exceptions.contains(sha) {
                violations.append("several slots: \(declared)")
            }
        } else if isInScript, command != "TIME" {
            for key in Self.keys(command, words) { use(key, command) }
        }
    }

    private mutating func use(_ key: String, _ command: String) {
        if command == "PUBLISH" {
            // A channel is a key with a suffix, so that it belongs to somebody.
            if !declared.contains(where: key.hasPrefix) { violations.append("another's channel: \(key)") }
        } else {
            keys.insert(key)
            if !declared.contains(key) { violations.append("\(command) of \(key), which is not declared") }
        }
    }

    /// The keys of a command as scripts use them: the first argument, or all, or those behind their number.
    private static func keys(_ command: String, _ words: [String]) -> [String] {
        switch command {
        case "EXISTS", "DEL", "UNLINK", "MGET", "TOUCH": Array(words.dropFirst())
        case "RENAME", "RENAMENX", "SMOVE": Array(words.dropFirst().prefix(2))
        case "ZUNIONSTORE", "ZINTERSTORE", "ZDIFFSTORE":
            Array(words.dropFirst().prefix(1)) + words.dropFirst(3).prefix(words.count > 2 ? Int(words[2]) ?? 0 : 0)
        case "ZUNION", "ZINTER", "ZDIFF": Array(words.dropFirst(2).prefix(words.count > 1 ? Int(words[1]) ?? 0 : 0))
        default: Array(words.dropFirst().prefix(1))
        }
    }

    /// What a cluster would hash: between the first `{` and the next `}` if anything stands there, else the whole key.
    public static func slotText(_ key: String) -> String {
        guard let open = key.firstIndex(of: "{"), let close = key[open...].firstIndex(of: "}"),
            key.index(after: open) < close
        else { return key }
        return String(key[key.index(after: open)..<close])
    }

    /// The quoted words of a line of MONITOR.
    private static func words(_ line: String) -> [String] {
        var words: [String] = []
        var word: String?
        var isEscaped = false
        for character in line {
            if isEscaped {
                word?.append(character == "n" ? "\n" : character == "r" ? "\r" : character == "t" ? "\t" : character)
                isEscaped = false
            } else if word != nil, character == "\\" {
                isEscaped = true
            } else if character == "\"" {
                if let ended = word { words.append(ended) }
                word = word == nil ? "" : nil
            } else {
                word?.append(character)
            }
        }
        return words
    }
}
