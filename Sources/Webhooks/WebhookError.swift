/// Why a webhook was not delivered.
///
/// Neither the address beyond its host nor a secret, a header or a body is ever part of it.
public struct WebhookError: Error, Sendable {
    /// The kind of failure; new kinds may be added, so keep a `default` branch.
    @nonexhaustive
    public enum Code: String, Sendable, Hashable {
        /// The address, a secret or an option cannot work; nothing was sent.
        case invalidArgument
        /// The receiver will not take it, ever: a status of 400 to 499 other than 408, 425 and 429.
        case refused
        /// Nobody answered in time, or with another status than 2xx; it may have been received, and can be sent again.
        case unavailable
    }

    /// The kind of failure.
    public let code: Code
    /// The receiver's answer; nil when there was none.
    public let status: Int?
    /// What went wrong, for a person.
    public let message: String

    init(_ code: Code, status: Int? = nil, _ message: String) {
        self.code = code
        self.status = status
        self.message = message
    }
}

extension WebhookError: CustomStringConvertible {
    /// `refused: https://example.org answered 404 …`.
    public var description: String { "\(code.rawValue): \(message)" }
}
