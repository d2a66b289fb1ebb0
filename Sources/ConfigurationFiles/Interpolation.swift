/// Replaces `${NAME}` and `${NAME:default}` in configuration values.
///
/// The first colon ends the name, so a default may contain colons (`${REDIS_URL:redis://localhost:6379}`). A variable
/// that is set but empty counts as set. `$${` stands for a literal `${`.
package enum Interpolation {
    /// Why a value could not be completed.
    package enum Failure: Error, Equatable {
        /// `${` without a closing brace.
        case unterminated
        /// A name that no environment variable can have, such as the empty one.
        ///
        /// Without the text: it may be part of a password.
        case invalidName
        /// Not set, and no default given.
        case missing(String)

        package var message: String {
            switch self {
            case .unterminated: "'${' has no closing '}' (write '$${' for a literal '${')"
            case .invalidName:
                "'${…}' holds no variable name: letters, digits and '_', not starting with a digit "
                    + "(write '$${' for a literal '${')"
            case .missing(let name):
                "the environment variable \(name) is not set and has no default (set it, or write ${\(name):default})"
            }
        }
    }

    /// The text with its variables replaced; `unset` stands for those that are not set and have no default.
    package static func expand(
        _ text: String, environment: [String: String], unset: String? = nil
    ) throws(Failure) -> String {
        var result = ""
        var rest = text[...]
        while let dollar = rest.firstIndex(of: "$") {
            result += rest[..<dollar]
            let after = rest[dollar...].dropFirst()
            if after.hasPrefix("${") {
                result += "${"
                rest = after.dropFirst(2)
            } else if after.hasPrefix("{") {
                guard let close = after.firstIndex(of: "}") else { throw .unterminated }
                result += try value(of: after[..<close].dropFirst(), environment: environment, unset: unset)
                rest = after[after.index(after: close)...]
            } else {
                result += "$"
                rest = after
            }
        }
        return result + rest
    }

    private static func value(
        of reference: Substring, environment: [String: String], unset: String?
    ) throws(Failure) -> String {
        let colon = reference.firstIndex(of: ":")
        let name = String(reference[..<(colon ?? reference.endIndex)])
        guard isVariableName(name) else { throw .invalidName }
        if let value = environment[name] { return value }
        guard let colon else {
            if let unset { return unset }
            throw .missing(name)
        }
        return String(reference[reference.index(after: colon)...])
    }

    package static func isVariableName(_ name: String) -> Bool {
        guard let first = name.unicodeScalars.first, !("0"..."9").contains(first) else { return false }
        return name.unicodeScalars.allSatisfy { scalar in
            scalar == "_" || ("a"..."z").contains(scalar) || ("A"..."Z").contains(scalar)
                || ("0"..."9").contains(scalar)
        }
    }
}
