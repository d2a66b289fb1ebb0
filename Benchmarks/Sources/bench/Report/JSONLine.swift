import Foundation

/// One JSON object on one line, its fields in the order they are given.
struct JSONLine {
    enum Value {
        case text(String)
        case number(Double)
        case null
    }

    var fields: [(name: String, value: Value)]

    /// `case` first, then the numbers; a missing one becomes null.
    init(case name: String, _ numbers: [(String, Double?)]) {
        fields = [("case", .text(name))] + numbers.map { ($0.0, $0.1.map(Value.number) ?? .null) }
    }

    var text: String {
        let members = fields.map { "\"\($0.name)\":\(Self.encode($0.value))" }
        return "{\(members.joined(separator: ","))}"
    }

    /// Writes the line at once, so that a reader at the other end of a pipe sees it when it is known.
    func print() { FileHandle.standardOutput.write(Data((text + "\n").utf8)) }

    private static func encode(_ value: Value) -> String {
        switch value {
        case .null: "null"
        case .number(let number): encode(number)
        case .text(let text): "\"\(text)\""  // names of this program's own: nothing to escape
        }
    }

    /// Counts as they are, everything else with four significant digits: the rest is noise.
    private static func encode(_ number: Double) -> String {
        guard number.isFinite else { return "null" }
        guard number != number.rounded() else { return String(Int(number)) }
        let unit = pow(10, (log10(abs(number))).rounded(.down) - 3)
        let rounded = unit >= 1 ? (number / unit).rounded() * unit : (number * (1 / unit)).rounded() / (1 / unit)
        return rounded == rounded.rounded() ? String(Int(rounded)) : String(rounded)
    }
}

/// Remarks for the person who runs it: standard output carries JSON and the table only.
func remark(_ text: String) {
    FileHandle.standardError.write(Data("bench: \(text)\n".utf8))
}
