public import FoundationEssentials
import RedisCore

/// A key that a sender and a receiver share; signs and verifies after Standard Webhooks 1.0.
///
/// ```swift
/// let secret = try WebhookSecret(environment["WEBHOOK_SECRET"] ?? "")      // whsec_…
/// ```
///
/// Give each receiver a secret of its own. Nothing prints it.
public struct WebhookSecret: Sendable {
    private let key: [UInt8]

    /// A secret as receivers write it: `whsec_` and 24 to 64 bytes in base64.
    ///
    /// Throws `invalidArgument`, without the text.
    public init(_ text: String) throws(WebhookError) {
        let prefix = "whsec_"
        guard text.hasPrefix(prefix), let key = Data(base64Encoded: String(text.dropFirst(prefix.count))),
            (24...64).contains(key.count)
        else {
            throw WebhookError(
                .invalidArgument, "a webhook's secret is whsec_ followed by 24 to 64 bytes in base64")
        }
        self.key = Array(key)
    }

    /// The text of a new one, of 32 random bytes: to be kept where secrets are kept.
    public static func newText() -> String {
        var generator = SystemRandomNumberGenerator()
        let bytes = (0..<32).map { _ in UInt8.random(in: 0...255, using: &generator) }
        return "whsec_" + Data(bytes).base64EncodedString()
    }

    /// `v1,` and the HMAC-SHA256 of `‹id›.‹timestamp›.‹body›` in base64.
    public func signature(id: String, timestamp: Int64, body: Data) -> String {
        "v1," + Data(code(id, timestamp, body)).base64EncodedString()
    }

    /// For receivers: whether a request was signed with this secret, and lately.
    ///
    /// Drop a request whose `webhook-id` you have seen. Signatures are compared in a time that does not depend on them.
    ///
    /// - Parameters:
    ///   - id: The header `webhook-id`.
    ///   - timestamp: The header `webhook-timestamp`.
    ///   - signatures: The header `webhook-signature`: one of them has to match.
    ///   - body: As it was received, byte by byte.
    ///   - tolerance: How far the timestamp may be from `now`, either way.
    public func verifies(
        id: String, timestamp: String, signatures: String, body: Data, now: Date = Date(),
        tolerance: Duration = .seconds(300)
    ) -> Bool {
        guard let time = Int64(timestamp), time >= 0, time < 1 << 40,
            abs(Double(time) - now.timeIntervalSince1970) <= tolerance / .seconds(1)
        else { return false }
        let code = code(id, time, body)
        return signatures.split(separator: " ").contains { signature in
            guard signature.hasPrefix("v1,"), let given = Data(base64Encoded: String(signature.dropFirst(3))),
                given.count == code.count
            else { return false }
            return zip(given, code).reduce(0) { $0 | ($1.0 ^ $1.1) } == 0
        }
    }

    private func code(_ id: String, _ timestamp: Int64, _ body: Data) -> [UInt8] {
        SHA256.authenticationCode(key, Array("\(id).\(timestamp).".utf8) + body)
    }
}

extension WebhookSecret: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// `<webhook secret>`.
    public var description: String { "<webhook secret>" }
    /// `<webhook secret>`.
    public var debugDescription: String { "<webhook secret>" }
    /// Nothing.
    public var customMirror: Mirror { Mirror(self, children: [:]) }
}
