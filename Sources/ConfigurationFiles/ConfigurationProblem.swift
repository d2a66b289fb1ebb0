/// One thing that is wrong in a configuration file, and where.
package struct ConfigurationProblem: Equatable, Sendable {
    package let line: Int?
    package let column: Int?
    /// Path of the value, such as `handlers[0].timeout`; empty for the file as a whole.
    package let key: String
    package let message: String

    package init(line: Int?, column: Int?, key: String, message: String) {
        self.line = line
        self.column = column
        self.key = key
        self.message = message
    }

    /// `worker.yaml:12:14: handlers[0].timeout: …`, the form editors jump to.
    package func text(file: String) -> String {
        var text = file
        if let line { text += ":\(line)" }
        if let column { text += ":\(column)" }
        return text + (key.isEmpty ? ": " : ": \(key): ") + message
    }
}

/// Everything that is wrong with a configuration, reported at once.
package struct InvalidConfiguration: Error, CustomStringConvertible {
    package let file: String
    package let problems: [ConfigurationProblem]

    package init(file: String, problems: [ConfigurationProblem]) {
        self.file = file
        self.problems = problems
    }

    package var description: String { problems.map { $0.text(file: file) }.joined(separator: "\n") }
}
