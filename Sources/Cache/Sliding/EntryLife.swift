import RedisCore

/// The life of an entry that is written: what its script is told, and what stands in it for those who read it.
struct EntryLife: Sendable, Equatable {
    /// Time to live at first, ms; nil for none.
    let milliseconds: Int64?
    /// nil for an entry that reads do not renew.
    let sliding: Envelope.Sliding?

    /// As scripts take it: empty for none.
    var text: String { milliseconds.map { String($0) } ?? "" }

    /// A life that ends when it was said.
    static func fixed(_ milliseconds: Int64?) -> EntryLife { EntryLife(milliseconds: milliseconds, sliding: nil) }

    /// A life that reads renew; both in ms.
    static func sliding(idle: Int64, upTo: Int64) -> EntryLife {
        EntryLife(milliseconds: min(idle, upTo), sliding: Envelope.Sliding(span: upTo * 1_000, idle: idle))
    }
}

extension Envelope.Sliding {
    /// What is left at `at` of an entry from `written`, both µs of the server's time; nil when it is over.
    func left(of written: Int64, at: Int64) -> Envelope.Sliding? {
        // What another program wrote may say anything.
        let left = span.subtractingReportingOverflow(max(0, at - max(0, written))).partialValue
        return left > 0 ? Envelope.Sliding(span: left, idle: idle) : nil
    }
}
