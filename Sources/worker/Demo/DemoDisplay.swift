import Foundation

/// Shows the demonstration: a table that redraws itself on a terminal, plain lines elsewhere, nothing with `--json`.
final class DemoDisplay {
    enum Mode { case table, lines, silent }

    /// What there is to show.
    struct Picture {
        struct Row {
            let name: String
            let done: Int
            let inFlight: Int
            let state: String
        }

        var rows: [Row]
        var published: Int
        var total: Int
        var expected: Int

        var done: Int { rows.reduce(0) { $0 + $1.done } }
    }

    private let mode: Mode
    private let style = Style.output
    private var drawnLines = 0
    private var lastLine: ContinuousClock.Instant?

    init(mode: Mode) { self.mode = mode }

    /// A milestone; stays on the screen.
    func say(_ text: String) {
        switch mode {
        case .silent: break
        case .lines: Terminal.print(text)
        case .table:
            erase()
            Terminal.print(text)
        }
    }

    func show(_ picture: Picture) {
        switch mode {
        case .silent: break
        case .lines:
            let now = ContinuousClock.now
            if let lastLine, now - lastLine < .seconds(1) { return }
            lastLine = now
            let rows = picture.rows.map { "\($0.name) \($0.done)" }.joined(separator: ", ")
            Terminal.print("published \(picture.published), done \(picture.done) of \(picture.expected): \(rows)")
        case .table:
            let lines = Self.table(picture, style)
            erase()
            Terminal.write(lines.joined(separator: "\n") + "\n", to: STDOUT_FILENO)
            drawnLines = lines.count
        }
    }

    /// Takes the table off the screen.
    func erase() {
        guard drawnLines > 0 else { return }
        Terminal.write("\u{1B}[\(drawnLines)A\u{1B}[J", to: STDOUT_FILENO)
        drawnLines = 0
    }

    static func table(_ picture: Picture, _ style: Style) -> [String] {
        func cell(_ text: String, _ width: Int) -> String {
            String(repeating: " ", count: max(0, width - text.count)) + text
        }
        var lines = [style.dim("worker        done  in flight  state")]
        for row in picture.rows {
            let name = row.name.padding(toLength: 12, withPad: " ", startingAt: 0)
            let state = row.state == "killed" ? style.red(row.state) : style.green(row.state)
            lines.append("\(style.bold(name))\(cell("\(row.done)", 6))\(cell("\(row.inFlight)", 11))  \(state)")
        }
        let cells = 40
        let full = picture.expected == 0 ? 0 : min(cells, cells * picture.done / picture.expected)
        let bar = String(repeating: "█", count: full) + String(repeating: "░", count: cells - full)
        lines.append(
            "\(bar) \(picture.done) of \(picture.expected) orders done, \(picture.published) events published")
        return lines
    }

    static func summary(_ verdict: DemoVerdict, seconds: Double, style: Style) -> String {
        let rows: [(String, Int, String)] = [
            ("published", verdict.published, "events, to each of three workers"),
            ("broken lines", verdict.broken, "skipped, not JSON"),
            ("executed", verdict.executed, "handler runs finished, by the handlers' own ledgers"),
            ("duplicates", verdict.duplicates, "events with an id seen before, skipped"),
            ("taken over", verdict.takenOver, "begun by the killed worker, finished by another"),
            ("lost", verdict.lost, "orders that nobody finished"),
            ("double", verdict.double, "orders finished twice"),
        ]
        var lines = rows.map { name, count, meaning in
            let number = String(repeating: " ", count: max(0, 6 - "\(count)".count)) + "\(count)"
            return name.padding(toLength: 13, withPad: " ", startingAt: 0) + style.bold(number) + "  "
                + style.dim(meaning)
        }
        let time = (seconds * 10).rounded() / 10
        lines.append(
            verdict.holds
                ? style.green("each order was handled exactly once") + ", in \(time) s"
                : style.red("the promise does not hold: \(verdict.failures.joined(separator: "; "))"))
        return lines.joined(separator: "\n")
    }
}
