package import Yams

/// Reads YAML text, of which JSON is a part, into nodes that know their places.
package enum YAMLText {
    /// The text's root; `needs` names the key that an empty file lacks.
    package static func compose(_ yaml: String, file: String, needs: String) throws(InvalidConfiguration) -> Node {
        do {
            guard mayHaveAliases(yaml) <= mostAliases else {
                throw YamlError.representer(problem: "the file has more than \(mostAliases) aliases (*name)")
            }
            guard let root = try Yams.compose(yaml: yaml), root.null == nil else {
                throw YamlError.representer(problem: "the file is empty; it needs at least '\(needs)'")
            }
            return root
        } catch {
            throw InvalidConfiguration(file: file, problems: [problem(of: error)])
        }
    }

    /// Aliases of aliases multiply, and everybody who walks the nodes pays: so many can do no harm.
    private static let mostAliases = 16

    /// How many aliases a text can have at most; none without an anchor.
    ///
    /// Quoted text and comments count too: what is refused wrongly would have an anchor and many `*name` besides.
    private static func mayHaveAliases(_ yaml: String) -> Int {
        var (anchors, aliases) = (0, 0)
        var before = UInt8(ascii: " ")
        var last = before
        for byte in yaml.utf8 {
            if isName(byte) {
                if last == UInt8(ascii: "&") { anchors += 1 }
                // Within a word, as in a pattern, it is no alias.
                if last == UInt8(ascii: "*"), !isName(before) { aliases += 1 }
            }
            (before, last) = (last, byte)
        }
        return anchors == 0 ? 0 : aliases
    }

    private static func isName(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
        default: false
        }
    }

    /// What most people did who read this message.
    private static func hint(_ problem: String) -> String {
        if problem.contains("cannot start any token") {
            return " (indent with spaces, not tabs; put @ and ` in quotes)"
        }
        return problem.hasSuffix("',' or '}'") || problem.hasSuffix("',' or ']'")
            ? " (within { } and [ ] put ${NAME} in quotes)" : ""
    }

    private static func problem(of error: any Error) -> ConfigurationProblem {
        switch error as? YamlError {
        case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
            .composer(_, let problem, let mark, _):
            .init(line: mark.line, column: mark.column, key: "", message: "is not YAML: \(problem)\(hint(problem))")
        case .duplicatedKeysInMapping(let duplicates, let context):
            .init(
                line: context.mark.line, column: context.mark.column, key: "",
                message: "a mapping has the same key twice: \(duplicates.joined(separator: ", "))")
        case .representer(let problem): .init(line: nil, column: nil, key: "", message: problem)
        case .reader(let problem, _, _, _): .init(line: nil, column: nil, key: "", message: "is not YAML: \(problem)")
        default: .init(line: nil, column: nil, key: "", message: "is not YAML: \(error)")
        }
    }
}
