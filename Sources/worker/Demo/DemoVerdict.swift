/// Whether every order was handled exactly once, judged by what the handlers left behind and nothing else.
///
/// An order counts as executed once for each `done` that any handler wrote. What the killed worker had begun and not
/// finished is no execution; when another worker finished it, it was taken over.
struct DemoVerdict: Equatable {
    /// Events that were published: the lines that are JSON.
    let published: Int
    /// Finished handler runs.
    let executed: Int
    /// Published events whose id had been published before.
    let duplicates: Int
    /// Begun by the killed worker, finished by another one.
    let takenOver: Int
    let broken: Int
    /// Ids that no handler finished.
    let lost: Int
    /// Finished runs beyond the first of an id.
    let double: Int
    /// Finished ids that were never published, and ledger lines that make no sense.
    let strange: Int

    init(publishedIDs: [String], broken: Int, ledgers: [String: Ledger], killed: String?) {
        let expected = Set(publishedIDs)
        var done: [String: Int] = [:]
        for ledger in ledgers.values {
            for (id, work) in ledger.work where work.done > 0 { done[id, default: 0] += work.done }
        }
        published = publishedIDs.count
        executed = done.values.reduce(0, +)
        duplicates = publishedIDs.count - expected.count
        self.broken = broken
        lost = expected.count { done[$0] == nil }
        double = done.values.reduce(0) { $0 + $1 - 1 }
        strange = done.keys.count { !expected.contains($0) } + ledgers.values.reduce(0) { $0 + $1.unreadable }
        let abandoned = killed.flatMap { ledgers[$0]?.unfinished } ?? []
        takenOver = abandoned.count { done[$0] != nil }
    }

    /// The promise: nothing lost, nothing twice, and the dead worker's work done by others.
    var holds: Bool { failures.isEmpty }

    var failures: [String] {
        var failures: [String] = []
        if lost > 0 { failures.append("\(lost) orders were never finished") }
        if double > 0 { failures.append("\(double) runs were finished a second time") }
        if strange > 0 { failures.append("\(strange) effects belong to no published order") }
        if executed != published - duplicates { failures.append("\(executed) runs for \(published - duplicates) ids") }
        if takenOver == 0 { failures.append("nothing was taken over from the killed worker") }
        return failures
    }

    func json(seconds: Double) -> JSONValue {
        .object([
            "published": .number("\(published)"), "executed": .number("\(executed)"),
            "duplicates": .number("\(duplicates)"), "takenOver": .number("\(takenOver)"),
            "broken": .number("\(broken)"), "lost": .number("\(lost)"), "double": .number("\(double)"),
            "seconds": .rounded(seconds),
        ])
    }
}
