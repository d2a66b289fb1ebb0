extension RedisConfiguration {
    /// Where the server listens; TLS, Sentinel and cluster seeds will be further cases.
    @nonexhaustive
    public enum Endpoint: Sendable, Hashable, CustomStringConvertible {
        /// A name or address and a port.
        case tcp(host: String, port: Int)
        /// A Unix socket's path.
        case unix(path: String)

        /// `host:port`, `[::1]:port` or the path.
        public var description: String {
            switch self {
            case .tcp(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
            case .unix(let path): path
            }
        }
    }
}

extension RedisConfiguration.Endpoint {
    /// Longest path of a Unix socket in bytes: what `sockaddr_un` holds, less the closing zero.
    static var longestPath: Int {
        #if os(Linux)
        107
        #else
        103
        #endif
    }

    /// Reads `host:port`, `[::1]:port` or `:port` (localhost); `field` names it in errors.
    init(hostAndPort text: String, field: String) throws(RedisError) {
        guard let colon = text.lastIndex(of: ":") else {
            throw .configuration(field, is: text, expected: "host:port, such as localhost:6379")
        }
        let host = try Self.host(text[..<colon], field: field)
        let port = try Self.port(String(text[text.index(after: colon)...]), field: field)
        self = .tcp(host: host ?? "localhost", port: port)
    }

    /// A name, an IPv4 address or a bracketed IPv6 address; nil when empty.
    static func host(_ text: Substring, field: String) throws(RedisError) -> String? {
        if text.isEmpty { return nil }
        if text.hasPrefix("["), text.hasSuffix("]") {
            let address = text.dropFirst().dropLast()
            if address.contains(":"), isHost(address) { return String(address) }
        } else if !text.contains(":"), isHost(text) {
            return String(text)
        }
        throw .configuration(
            field, is: String(text), expected: "a host name, an IPv4 address or an IPv6 address in brackets")
    }

    /// Whether a name or an address without brackets can be resolved at all; the resolver has the last word.
    static func isHost(_ text: some StringProtocol) -> Bool {
        // The `%` is for zones (`fe80::1%eth0`), the `_` for names in container networks.
        let isIPv6 = text.contains(":")
        return !text.isEmpty && text.utf8.count <= 253
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"):
                    true
                case UInt8(ascii: ":"), UInt8(ascii: "%"): isIPv6
                default: false
                }
            }
    }

    static func port(_ text: String, field: String) throws(RedisError) -> Int {
        guard let port = Int(digits: text), (1...65_535).contains(port) else {
            throw .configuration(field, is: text, expected: "a port from 1 to 65535")
        }
        return port
    }
}
