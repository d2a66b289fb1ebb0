public import FoundationEssentials
import RedisCore

/// Sends what an ``ExpirySweeper`` tells to an HTTP address, as JSON.
///
/// ```swift
/// let webhook = ExpiryWebhook(url: "https://example.org/hooks", sign: { body in hmac(body, key) }) { request in
///     try await httpClient.post(request.url, headers: request.headers, body: request.body).status
/// }
/// let sweeper = try ExpirySweeper(cache) { try await webhook.deliver($0) }
/// ```
///
/// This one sends by the application's own HTTP client; the module `Webhooks` has one that posts by itself, with
/// URLSession and the signatures of Standard Webhooks. An answer other than 2xx, and whatever the transport throws but
/// an ``ExpiryRejection``, make the sweeper try again, with growing pauses, also from another process.
public struct ExpiryWebhook: Sendable {
    /// A POST.
    public struct Request: Sendable {
        /// Where to.
        public let url: String
        /// The end's: the same in each attempt, and for no other (``ExpiredEntry/id``).
        public let id: String
        /// `Content-Type`, `X-Signalbox-Delivery` (the same in each attempt) and, if it is signed,
        /// `X-Signalbox-Signature`.
        public let headers: [String: String]
        /// `{"type":"cache.expired","id":…,"namespace":…,"key":…,"expired_at":…,"attempt":…,"value":…}`; `value` only
        /// if it was kept, is JSON of no more than 512 levels, and is wanted.
        public let body: Data
    }

    /// Sends a request and returns the answer's status code.
    public typealias Transport = @Sendable (Request) async throws -> Int

    private let url: String
    private let includesValue: Bool
    private let sign: (@Sendable (Data) throws -> String)?
    private let transport: Transport

    /// A webhook; nothing is sent.
    ///
    /// - Parameters:
    ///   - url: As the transport takes it.
    ///   - includesValue: Whether the expired value goes with it; false.
    ///   - sign: The value of the header `X-Signalbox-Signature` for a body, usually `sha256=` and its HMAC in
    ///     hexadecimal: `HMAC<SHA256>` of swift-crypto. None when nil.
    ///   - transport: Sends it.
    public init(
        url: String, includesValue: Bool = false, sign: (@Sendable (Data) throws -> String)? = nil,
        transport: @escaping Transport
    ) {
        self.url = url
        self.includesValue = includesValue
        self.sign = sign
        self.transport = transport
    }

    /// Sends one; for the handler of an ``ExpirySweeper``.
    ///
    /// - Throws: `unavailable` for an answer other than 2xx; what the transport and the signature throw; `undecodable`.
    public func deliver(_ entry: ExpiredEntry) async throws {
        let body = try body(entry)
        var headers = ["Content-Type": "application/json", "X-Signalbox-Delivery": Self.headerSafe(entry.id)]
        if let sign { headers["X-Signalbox-Signature"] = try sign(body) }
        let status = try await transport(Request(url: url, id: entry.id, headers: headers, body: body))
        guard (200..<300).contains(status) else {
            throw CacheError(
                .unavailable, operation: "webhook",
                message: "the webhook's receiver answered \(status); it is tried again")
        }
    }

    private struct Body: Encodable {
        let type = "cache.expired"
        let id: String
        let namespace: String
        let key: String
        let expiredAt: Date
        let attempt: Int

        enum CodingKeys: String, CodingKey {
            case type, id, namespace, key, attempt
            case expiredAt = "expired_at"
        }
    }

    private func body(_ entry: ExpiredEntry) throws -> Data {
        let json = try JSONCacheSerializer().encode(
            Body(
                id: entry.id, namespace: entry.namespace, key: entry.key, expiredAt: entry.expiredAt,
                attempt: entry.attempt))
        guard includesValue, let value = try entry.jsonValue(), let object = JSONObjectText(Array(json)),
            let addition = JSONObjectText(Array("{\"value\":".utf8) + Array(value) + Array("}".utf8))
        else { return json }
        return Data(object.merging(addition))
    }

    /// Visible ASCII only: a key may hold anything, a header may not.
    private static func headerSafe(_ text: String) -> String {
        let escaped = KeyText.escaped(text)
        guard escaped.utf8.contains(where: { $0 > 0x7E || $0 == 0x20 }) else { return escaped }
        let digits = Array("0123456789ABCDEF".utf8)
        return String(
            decoding: escaped.utf8.flatMap { byte in
                byte > 0x7E || byte == 0x20
                    ? [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]] : [byte]
            }, as: UTF8.self)
    }
}
