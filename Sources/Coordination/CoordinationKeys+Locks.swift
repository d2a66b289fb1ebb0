import RedisCore

extension CoordinationKeys {
    /// Where forced releases and take-overs of this prefix and database are announced.
    static func auditChannel(_ configuration: RedisConfiguration) -> String {
        (configuration.prefix.isEmpty ? "" : configuration.prefix + ":") + "lock:audit:\(configuration.database)"
    }

    /// A glob for the keys of the locks whose names match one.
    ///
    /// In `pattern` `*`, `?`, `[…]` and `\` are the server's; anything else means itself, as it is written in keys.
    func lockPattern(_ pattern: String) -> String {
        switch naming.style {
        case .standard: "\(RedisGlob.escape(prefix))lock:{\(Self.escapedPattern(pattern))}"
        case .plain(let prefix): prefix.isEmpty ? pattern : "\(RedisGlob.escape(prefix)):\(pattern)"
        }
    }

    /// The name of the lock that a key stands for; nil when it is none of a lock.
    func lockName(_ key: String) -> String? {
        switch naming.style {
        case .standard:
            let start = prefix + "lock:{"
            guard key.hasPrefix(start), key.hasSuffix("}"), key.utf8.count > start.utf8.count + 1 else { return nil }
            return Self.unescaped(key.dropFirst(start.count).dropLast())
        case .plain(let prefix):
            guard prefix.isEmpty || key.hasPrefix(prefix + ":"), !key.contains("{") else { return nil }
            return prefix.isEmpty ? key : String(key.dropFirst(prefix.count + 1))
        }
    }

    private static func escapedPattern(_ pattern: String) -> String {
        var result = ""
        var isLiteral = false
        for scalar in pattern.unicodeScalars {
            if isLiteral {
                result += escaped(String(scalar))
                isLiteral = false
            } else if scalar == "\\" {
                isLiteral = true
            } else {
                result += ["*", "?", "[", "]"].contains(scalar) ? String(scalar) : escaped(String(scalar))
            }
        }
        return result
    }

    /// Takes back what ``escaped(_:)`` did.
    static func unescaped(_ text: Substring) -> String? {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard let high = rest.popFirst(), let low = rest.popFirst(),
                let value = UInt8(String(decoding: [high, low], as: UTF8.self), radix: 16)
            else { return nil }
            bytes.append(value)
        }
        return String(validating: bytes, as: UTF8.self)
    }
}
