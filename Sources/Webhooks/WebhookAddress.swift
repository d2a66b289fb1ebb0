import FoundationEssentials

/// A checked address; only its ``origin`` may be told, as paths and queries of webhooks are often secrets.
struct WebhookAddress: Sendable {
    static let longest = 2_048

    let url: URL
    /// `https://example.org:8443`.
    let origin: String

    /// `http` or `https`, a host, no password and no fragment.
    init(_ text: String) throws(WebhookError) {
        func flaw(_ message: String) -> WebhookError {
            WebhookError(.invalidArgument, "a webhook's address \(message)")
        }
        guard !text.isEmpty, text.utf8.count <= Self.longest else {
            throw flaw("has \(text.utf8.count) bytes; it must have 1 to \(Self.longest)")
        }
        guard text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }), let parts = URLComponents(string: text),
            let url = parts.url
        else { throw flaw("is no URL; escape what is not ASCII") }
        let scheme = parts.scheme?.lowercased()
        guard scheme == "https" || scheme == "http" else { throw flaw("begins with https:// or http://") }
        guard let host = parts.host, !host.isEmpty else { throw flaw("has no host") }
        guard parts.user == nil, parts.password == nil else {
            throw flaw("contains a name or password; give the header Authorization in the options instead")
        }
        guard parts.fragment == nil else { throw flaw("has a fragment, which is never sent") }
        if let port = parts.port, !(1...65_535).contains(port) { throw flaw("has a port outside 1 to 65535") }
        self.url = url
        origin = "\(scheme ?? "")://\(host)" + (parts.port.map { ":\($0)" } ?? "")
    }
}
