/// The typed content of an event.
///
/// Encoded with ``EventJSON``: property names as keys unless `CodingKeys` say otherwise, dates as RFC 3339 text.
///
/// ```swift
/// struct OrderPlaced: EventPayload {
///     static let eventType = "order.placed"
///     let id: Int
///     let total: Decimal
/// }
/// ```
public protocol EventPayload: Codable, Sendable {
    /// The wire name, such as `order.placed`.
    static var eventType: String { get }
    /// The payload's schema version, written as the optional field `version`; nil writes none.
    static var eventVersion: Int? { get }
}

extension EventPayload {
    /// No version is written.
    public static var eventVersion: Int? { nil }
}
