/// Thrown by the handler of an ``ExpirySweeper`` to which an end is of no use: it is not told again.
///
/// It is logged with its reason, counted (`cache.expiry.rejected`) and taken off the list. Every other error makes the
/// sweeper try again.
public struct ExpiryRejection: Error, Sendable, CustomStringConvertible {
    /// Why, for the log: no value and no secret.
    public let reason: String

    /// A rejection for a reason.
    public init(_ reason: String) { self.reason = reason }

    /// The reason.
    public var description: String { reason }
}
