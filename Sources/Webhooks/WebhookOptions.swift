/// How webhooks are sent; every field has a default that suits most.
public struct WebhookOptions: Sendable {
    /// How long one attempt may take until the answer's status is here, 10 ms to 10 minutes; 15 s.
    ///
    /// Keep it below the sweeper's ``ExpirySweeperOptions/handlerTimeout`` (60 s), which cancels an attempt that takes
    /// longer: a slow receiver would do its work each time, and be told again for ever.
    public var timeout: Duration
    /// Sent with each request, such as `Authorization`.
    ///
    /// Refused are, in whatever case: those that the sender sets itself, `webhook-…`, `x-signalbox-…`, and one that is
    /// given twice.
    public var headers: [String: String]
    /// Whether an ``ExpiryWebhook`` is tried again after an answer that says "never" (``WebhookError/Code/refused``).
    ///
    /// False: it is logged, counted and not told again.
    public var retriesRefusals: Bool

    /// The defaults of the field, unless told otherwise.
    public init(
        timeout: Duration = .seconds(15), headers: [String: String] = [:], retriesRefusals: Bool = false
    ) {
        self.timeout = timeout
        self.headers = headers
        self.retriesRefusals = retriesRefusals
    }

    private static let own: Set<String> = [
        "content-type", "content-length", "host", "connection", "transfer-encoding", "expect", "user-agent",
    ]

    private static let ownPrefixes = ["webhook-", "x-signalbox-"]

    /// Throws `invalidArgument`, without any header's value.
    func check() throws(WebhookError) {
        guard timeout >= .milliseconds(10), timeout <= .seconds(600) else {
            throw WebhookError(.invalidArgument, "a webhook may take \(timeout); give 10 ms to 10 minutes")
        }
        var names: Set<String> = []
        for (name, value) in headers {
            let isToken = !name.isEmpty && name.utf8.allSatisfy(Self.isToken)
            guard isToken, value.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7F }) else {
                throw WebhookError(.invalidArgument, "a header's name or value has characters that no header may have")
            }
            let lowered = name.lowercased()
            guard !Self.own.contains(lowered), !Self.ownPrefixes.contains(where: lowered.hasPrefix) else {
                throw WebhookError(.invalidArgument, "the header \(lowered) is set by the sender")
            }
            guard names.insert(lowered).inserted else {
                throw WebhookError(.invalidArgument, "the header \(lowered) is given twice, in different case")
            }
        }
    }

    /// RFC 9110 §5.6.2.
    private static func isToken(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
        }
    }
}
