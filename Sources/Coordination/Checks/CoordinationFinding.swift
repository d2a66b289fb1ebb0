/// Something about the server that endangers coordination, and what to do about it.
public struct CoordinationFinding: Sendable, Hashable, CustomStringConvertible {
    /// What kind of trouble; new kinds may be added, so keep a `default` branch.
    @nonexhaustive
    public enum Code: String, Sendable, Hashable, CaseIterable {
        /// A full server may throw leases away.
        case evictionPolicy
        /// A restart forgets everything.
        case noPersistence
        /// A crash forgets what came after the last snapshot.
        case snapshotsOnly
        /// A crash of the machine forgets what the system had not written by itself.
        case lazyFsync
        /// Writes are refused, or go elsewhere.
        case replica
        /// The server's clock and this machine's differ.
        case clockOffset
    }

    /// How much it matters.
    public enum Severity: String, Sendable, Hashable {
        /// A promise may be broken.
        case warning
        /// Good to know.
        case notice
    }

    /// What kind of trouble.
    public let code: Code
    /// What was seen.
    public let evidence: String
    /// What to do.
    public let advice: String

    /// How much it matters; refusing means refusing warnings.
    public var severity: Severity {
        switch code {
        case .snapshotsOnly, .lazyFsync: .notice
        default: .warning
        }
    }

    /// `evictionPolicy: maxmemory-policy is …; give …`.
    public var description: String { "\(code.rawValue): \(evidence); \(advice)" }
}
