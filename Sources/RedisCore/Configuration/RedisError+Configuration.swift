extension RedisError {
    /// `REDIS_PORT is '70000'; expected a port from 1 to 65535`.
    static func configuration(_ field: String, is value: String, expected: String) -> RedisError {
        configuration("\(field) is \(shown(value)); expected \(expected)")
    }

    static func configuration(_ message: String) -> RedisError {
        RedisError(.configuration, operation: "configuration", message: message)
    }

    /// The value in quotes, unless it may hold a password: URLs land in the wrong variable.
    private static func shown(_ value: String) -> String {
        guard !value.contains("@") else { return "a text with an @ (not shown: it may hold a password)" }
        let line = String(value.unicodeScalars.prefix(64).map { Character($0.properties.isPrintable ? $0 : "?") })
        return "'\(line)\(value.unicodeScalars.count > 64 ? "…" : "")'"
    }
}

extension Unicode.Scalar.Properties {
    fileprivate var isPrintable: Bool {
        switch generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .unassigned, .privateUse, .surrogate: false
        default: true
        }
    }
}

extension Int {
    /// A decimal number without sign, or nil: stricter than `Int(_:)`, which takes `+1`.
    init?(digits text: some StringProtocol) {
        guard text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else { return nil }
        self.init(text)
    }
}
