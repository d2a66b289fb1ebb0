/// Rows under headings, as wide as their cells; what came from outside is cleaned before it is printed.
struct TextTable {
    private let headings: [String]
    private var rows: [[String]] = []

    init(_ headings: String...) { self.headings = headings }

    mutating func add(_ cells: String...) { rows.append(cells.map(LogText.clean)) }

    func text(_ style: Style) -> String {
        let widths = headings.indices.map { column in
            ([headings] + rows).map { $0[column].count }.max() ?? 0
        }
        func line(_ cells: [String]) -> String {
            let padded = zip(cells, widths).map { $0 + String(repeating: " ", count: $1 - $0.count) }
            return padded.joined(separator: "  ").trimmingSuffix(while: { $0 == " " })
        }
        return ([style.dim(line(headings))] + rows.map(line)).joined(separator: "\n")
    }
}

extension String {
    /// Without the characters at the end that `isUnwanted` names.
    func trimmingSuffix(while isUnwanted: (Character) -> Bool) -> String {
        var text = self[...]
        while let last = text.last, isUnwanted(last) { text = text.dropLast() }
        return String(text)
    }
}
