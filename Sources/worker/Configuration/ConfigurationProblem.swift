/// One thing that is wrong in a configuration file, and where.
struct ConfigurationProblem: Equatable, Sendable {
    let line: Int?
    let column: Int?
    /// Path of the value, such as `handlers[0].timeout`; empty for the file as a whole.
    let key: String
    let message: String

    /// `worker.yaml:12:14: handlers[0].timeout: …`, the form editors jump to.
    func text(file: String) -> String {
        var text = file
        if let line { text += ":\(line)" }
        if let column { text += ":\(column)" }
        return text + (key.isEmpty ? ": " : ": \(key): ") + message
    }
}

/// Everything that is wrong with a configuration, reported at once.
struct InvalidConfiguration: Error, CustomStringConvertible {
    let file: String
    let problems: [ConfigurationProblem]

    var description: String { problems.map { $0.text(file: file) }.joined(separator: "\n") }
}
