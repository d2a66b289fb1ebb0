/// How long an entry still lives.
public enum CacheTTLState: Sendable, Hashable {
    /// There is no entry.
    case missing
    /// It has no end.
    case never
    /// It ends after this, in whole milliseconds.
    case remaining(Duration)

    /// From PTTL's answer.
    init(milliseconds: Int64) {
        switch milliseconds {
        case -2: self = .missing
        case ..<0: self = .never
        default: self = .remaining(.milliseconds(milliseconds))
        }
    }
}
