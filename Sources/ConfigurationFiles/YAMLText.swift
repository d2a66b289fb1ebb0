package import Yams

/// Reads YAML text, of which JSON is a part, into nodes that know their places.
package enum YAMLText {
    /// The text's root; `needs` names the key that an empty file lacks.
    package static func compose(_ yaml: String, file: String, needs: String) throws(InvalidConfiguration) -> Node {
        do {
            guard let root = try Yams.compose(yaml: yaml), root.null == nil else {
                throw YamlError.representer(problem: "the file is empty; it needs at least '\(needs)'")
            }
            return root
        } catch {
            throw InvalidConfiguration(file: file, problems: [problem(of: error)])
        }
    }

    private static func problem(of error: any Error) -> ConfigurationProblem {
        switch error as? YamlError {
        case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
            .composer(_, let problem, let mark, _):
            .init(line: mark.line, column: mark.column, key: "", message: "is not YAML: \(problem)")
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
