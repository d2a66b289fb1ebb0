public import FoundationEssentials

/// A verdict as HTTP header values, for any framework.
///
/// `X-RateLimit-*` is what many services send; `RateLimit` and `RateLimit-Policy` are structured fields by the IETF's
/// draft-ietf-httpapi-ratelimit-headers-11. Times are rounded up, so that who comes back in time is not too early.
public struct RateLimitHeaders: Sendable, Hashable {
    /// `X-RateLimit-Limit`: units in a window.
    public let limit: String?
    /// `X-RateLimit-Remaining`: units left.
    public let remaining: String?
    /// `X-RateLimit-Reset`: seconds since 1970 when the first unit comes back.
    public let reset: String?
    /// `Retry-After`: whole seconds, at least 1; only for a call that was refused and may come again.
    public let retryAfter: String?
    /// `RateLimit-Policy`: `"api";q=100;w=60`, one item a rule; `w` only for windows of whole seconds.
    public let rateLimitPolicy: String
    /// `RateLimit`: `"api";r=99;t=60`, one item a rule.
    public let rateLimit: String?

    /// The fields that have a value, by name.
    public var fields: [(name: String, value: String)] {
        let all: [(String, String?)] = [
            ("X-RateLimit-Limit", limit), ("X-RateLimit-Remaining", remaining), ("X-RateLimit-Reset", reset),
            ("Retry-After", retryAfter), ("RateLimit-Policy", rateLimitPolicy), ("RateLimit", rateLimit),
        ]
        return all.compactMap { name, value in value.map { (name, $0) } }
    }
}

extension RateLimitVerdict {
    /// The header values; a verdict of the failure policy knows no counts and has none of them.
    ///
    /// - Parameter now: For `X-RateLimit-Reset` only, which is a time of day by definition; no decision depends on it.
    public func headers(now: Date = Date()) -> RateLimitHeaders {
        let isKnown = source != .failurePolicy
        let reset = (now.timeIntervalSince1970 + resetAfter / .seconds(1)).rounded(.up)
        return RateLimitHeaders(
            limit: isKnown ? "\(limit)" : nil,
            remaining: isKnown ? "\(remaining)" : nil,
            reset: isKnown ? "\(Int(reset))" : nil,
            retryAfter: retryAfter.map { "\(max(1, $0.secondsRoundedUp))" },
            rateLimitPolicy: statuses.map(\.policyItem).joined(separator: ", "),
            rateLimit: isKnown ? statuses.map(\.item).joined(separator: ", ") : nil)
    }
}

extension RateLimitVerdict.Status {
    fileprivate var policyItem: String {
        let seconds = rule.window.secondsRoundedUp
        let window = rule.window == .seconds(seconds) ? ";w=\(seconds)" : ""
        return "\(quotedName);q=\(rule.limit)\(window)"
    }

    fileprivate var item: String { "\(quotedName);r=\(remaining);t=\(resetAfter.secondsRoundedUp)" }

    /// A string of RFC 9651: printable ASCII, with quote and backslash escaped.
    private var quotedName: String {
        "\"" + rule.name.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") + "\""
    }
}

extension Duration {
    fileprivate var secondsRoundedUp: Int64 { components.seconds + (components.attoseconds > 0 ? 1 : 0) }
}
