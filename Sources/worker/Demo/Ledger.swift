/// What one worker's handlers left behind: a line for each step of each order, appended by the handlers themselves.
struct Ledger: Equatable {
    /// How often work on an id was begun and finished.
    struct Work: Equatable {
        var started = 0
        var done = 0
        /// Half-way and waiting, as the demonstration asked.
        var isHeld = false

        var isUnfinished: Bool { started > done }
    }

    private(set) var work: [String: Work] = [:]
    private(set) var done = 0
    private(set) var unreadable = 0

    init() {}

    /// Reads lines `start ID`, `held ID`, `done ID`.
    ///
    /// A last line without its end is still being written: left out.
    init(_ text: String) {
        guard let end = text.lastIndex(of: "\n") else { return }
        for line in text[..<end].split(separator: "\n") {
            let words = line.split(separator: " ", maxSplits: 1).map(String.init)
            guard words.count == 2 else {
                unreadable += 1
                continue
            }
            switch words[0] {
            case "start": work[words[1], default: Work()].started += 1
            case "held": work[words[1], default: Work()].isHeld = true
            case "done":
                work[words[1], default: Work()].done += 1
                done += 1
            default: unreadable += 1
            }
        }
    }

    /// Begun and not finished.
    var unfinished: [String] { work.filter { $0.value.isUnfinished }.keys.sorted() }

    /// Every unfinished one is held half-way: whatever is killed now is killed in the middle of its work.
    var allUnfinishedAreHeld: Bool { work.values.allSatisfy { !$0.isUnfinished || $0.isHeld } }
}
