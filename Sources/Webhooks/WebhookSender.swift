public import FoundationEssentials
import RedisCore

/// Posts JSON to one address, signed after Standard Webhooks 1.0.
///
/// ```swift
/// let orders = try WebhookSender(url: "https://example.org/hooks", secrets: [WebhookSecret("whsec_…")])
/// try await orders.send(id: order.id, body: json)
/// ```
///
/// **What is sent**: a POST with `webhook-id`, the same for each attempt at one message, `webhook-timestamp`, seconds
/// of this machine's clock when the attempt began, and with secrets `webhook-signature`. With two secrets there are two
/// signatures: that is how a secret is changed without a gap. **What comes back** is the status: the connection, which
/// each attempt has for itself, is closed before a body arrives. Redirects are not followed, cookies neither kept nor
/// sent. TLS, its certificates and proxies are those of the system's URL loading; on Linux `http_proxy`, `https_proxy`
/// and `no_proxy` of the environment.
///
/// One call is one attempt: who calls tries again, under the same id. A receiver may see a message twice, when its
/// answer was lost. Addresses are the operator's own: one that a stranger may choose reaches into your network.
public struct WebhookSender: Sendable {
    private let address: WebhookAddress
    private let secrets: [WebhookSecret]
    private let options: WebhookOptions
    /// Seconds since 1970.
    private let clock: @Sendable () -> Int64

    /// A sender; nothing is sent.
    ///
    /// - Parameters:
    ///   - url: `https://…` or `http://…`, without a password. Errors name its host only.
    ///   - secrets: What requests are signed with; the first is the one in use. None: they are not signed.
    /// - Throws: `invalidArgument`.
    public init(
        url: String, secrets: [WebhookSecret] = [], options: WebhookOptions = WebhookOptions()
    ) throws(WebhookError) {
        try self.init(url: url, secrets: secrets, options: options) { Int64(Date().timeIntervalSince1970) }
    }

    init(
        url: String, secrets: [WebhookSecret], options: WebhookOptions, clock: @escaping @Sendable () -> Int64
    ) throws(WebhookError) {
        address = try WebhookAddress(url)
        try options.check()
        self.secrets = secrets
        self.options = options
        self.clock = clock
    }

    /// Sends a message once.
    ///
    /// - Parameters:
    ///   - id: The message's own, whatever it contains; the header has it, or a digest of it.
    ///   - body: JSON.
    /// - Throws: `refused`, `unavailable`; `CancellationError`.
    public func send(id: String, body: Data) async throws { try await send(id: id, body: body, headers: [:]) }

    func send(id: String, body: Data, headers: [String: String]) async throws {
        let (id, timestamp) = (Self.messageID(id), clock())
        // Whatever their case, the options have none of those that follow.
        var all = options.headers.merging(headers) { _, own in own }
        all["Content-Type"] = "application/json"
        all["User-Agent"] = "signalbox-webhooks"
        all["webhook-id"] = id
        all["webhook-timestamp"] = "\(timestamp)"
        if !secrets.isEmpty {
            let signatures = secrets.map { $0.signature(id: id, timestamp: timestamp, body: body) }
            all["webhook-signature"] = signatures.joined(separator: " ")
        }
        let answer = await HTTPPoster.post(body, to: address.url, headers: all, timeout: options.timeout)
        switch answer {
        case .status(let status): try judge(status)
        case .timedOut:
            throw WebhookError(.unavailable, "\(address.origin) did not answer within \(options.timeout)")
        case .failed(let reason): throw WebhookError(.unavailable, "\(address.origin) was not reached: \(reason)")
        case .cancelled: throw CancellationError()
        }
    }

    private func judge(_ status: Int) throws(WebhookError) {
        switch WebhookVerdict(status: status) {
        case .delivered: return
        case .refused:
            throw WebhookError(.refused, status: status, "\(address.origin) answered \(status): it does not take it")
        case .failed: throw WebhookError(.unavailable, status: status, "\(address.origin) answered \(status)")
        }
    }

    /// Letters, digits, `_` and `-`, as what is signed is parted by dots; anything else becomes a digest of it.
    static func messageID(_ id: String) -> String {
        let isPlain = id.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
                true
            default: false
            }
        }
        if isPlain, (1...64).contains(id.utf8.count) { return id }
        var hash = SHA256()
        hash.update(id.utf8)
        return "msg_\(hash.hexDigest().prefix(32))"
    }
}
