/// The parts of a Redis URL, read strictly; what it does not say is nil.
///
/// `redis://[user[:password]@][host][:port][/db][?option=value&…]` after the scheme's registration at IANA, and
/// `unix://[user[:password]@]/path[?option=value&…]`. Errors never repeat a part that may hold the password.
struct RedisURL {
    var endpoint: RedisConfiguration.Endpoint
    var username: String?
    var password: Secret?
    var database: Int?
    var timeout: Duration?
    var clientName: String?
    var prefix: String?

    private let text: String
    private static let options = ["db", "timeout", "client_name", "prefix", "user", "password"]

    init(_ text: String) throws(RedisError) {
        guard text.utf8.allSatisfy({ (0x21...0x7E).contains($0) && $0 != UInt8(ascii: "#") }) else {
            throw .configuration("the Redis URL holds a space, a # or a non-ASCII character; percent-encode it")
        }
        guard let separator = text.firstRange(of: "://") else {
            throw .configuration("the Redis URL has no scheme; write redis://host:port/db or unix:///path")
        }
        self.text = text
        let scheme = text[..<separator.lowerBound].lowercased()
        let parts = text[separator.upperBound...].split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        let authority = parts[0].prefix { $0 != "/" }
        let path = parts[0][authority.endIndex...]
        let at = authority.firstIndex(of: "@")
        let host = at.map { authority[authority.index(after: $0)...] } ?? authority
        switch scheme {
        case "redis":
            endpoint = try Self.tcp(host, mayShow: !text.contains("@"))
            database = try Self.database(path)
        case "unix":
            endpoint = try Self.unix(host, path)
        case "rediss":
            throw .configuration("rediss:// (TLS) is not supported yet; use redis:// through a local TLS proxy")
        default:
            throw .configuration("the Redis URL's scheme is not redis or unix")
        }
        if let at { try readUser(authority[..<at]) }
        if parts.count == 2 { try readOptions(parts[1]) }
    }

    private mutating func readUser(_ userInfo: Substring) throws(RedisError) {
        let parts = userInfo.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        let name = try Self.decode(parts[0], "user")
        username = name.isEmpty ? nil : name
        guard parts.count == 2 else { return }
        let secret = try Self.decode(parts[1], "password")
        password = secret.isEmpty ? nil : Secret(secret)
    }

    private mutating func readOptions(_ query: Substring) throws(RedisError) {
        var seen: Set<Substring> = []
        for option in query.split(separator: "&", omittingEmptySubsequences: false) where !query.isEmpty {
            let parts = option.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let name = parts[0]
            guard parts.count == 2, Self.options.contains(String(name)) else {
                // A piece that is no option may be the rest of a password with an unescaped `&`.
                let known = "known are \(Self.options.joined(separator: ", "))"
                let isSafe = !text.contains("@") && !query.contains("password=")
                throw isSafe
                    ? .configuration("Redis URL option", is: String(option), expected: "name=value; \(known)")
                    : .configuration("the Redis URL has an unknown option, or an unescaped & in a value; \(known)")
            }
            guard seen.insert(name).inserted else {
                throw .configuration("the Redis URL gives the option \(name) twice")
            }
            try set(String(name), to: Self.decode(parts[1], "option \(name)"))
        }
    }

    private mutating func set(_ option: String, to value: String) throws(RedisError) {
        switch option {
        case "db":
            guard database == nil else {
                throw .configuration("the Redis URL gives the database twice, in its path and as db=")
            }
            database = try Settings.database(value, field: "Redis URL option db")
        case "timeout":
            timeout = try Settings.duration(value, field: "Redis URL option timeout")
        case "client_name": clientName = value
        case "prefix": prefix = value
        case "user":
            guard username == nil else { throw .configuration("the Redis URL gives the user twice") }
            username = value.isEmpty ? nil : value
        default:
            guard password == nil else { throw .configuration("the Redis URL gives the password twice") }
            password = value.isEmpty ? nil : Secret(value)
        }
    }
}

extension RedisURL {
    /// Values are shown only when the URL has no `@`: an unescaped `/` or `?` in a password makes its head a port.
    private static func tcp(
        _ authority: Substring, mayShow: Bool
    ) throws(RedisError) -> RedisConfiguration.Endpoint {
        do {
            // The last colon outside of brackets; `redis://[::1]` has none.
            let bracket = authority.lastIndex(of: "]") ?? authority.startIndex
            let colon = authority[bracket...].lastIndex(of: ":") ?? authority.endIndex
            let host = try decode(authority[..<colon], "host")[...]
            let port = String(authority[colon...].dropFirst())
            return .tcp(
                host: try RedisConfiguration.Endpoint.host(host, field: "Redis URL host") ?? "localhost",
                port: port.isEmpty ? 6379 : try RedisConfiguration.Endpoint.port(port, field: "Redis URL port"))
        } catch {
            guard !mayShow else { throw error }
            throw .configuration(
                "the Redis URL's host or port is not valid; percent-encode /, ?, :, @ and # in user and password")
        }
    }

    private static func database(_ path: Substring) throws(RedisError) -> Int? {
        guard path.count > 1 else { return nil }
        guard !path.contains("@") else {
            throw .configuration("the Redis URL has an @ in its path; percent-encode / in user and password as %2F")
        }
        return try Settings.database(String(path.dropFirst()), field: "Redis URL database")
    }

    private static func unix(
        _ host: Substring, _ path: Substring
    ) throws(RedisError) -> RedisConfiguration.Endpoint {
        guard host.isEmpty, path.count > 1 else {
            throw .configuration("a Redis URL of a Unix socket needs an absolute path, such as unix:///run/redis.sock")
        }
        return .unix(path: try decode(path, "path"))
    }

    /// Percent-decoding as in RFC 3986, where `+` is a plus sign; errors name the `part` and never show the value.
    private static func decode(_ text: Substring, _ part: String) throws(RedisError) -> String {
        var bytes: [UInt8] = []
        var rest = text.utf8
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard let high = rest.popFirst().flatMap(hexDigit), let low = rest.popFirst().flatMap(hexDigit) else {
                throw .configuration("the Redis URL's \(part) has a % without two hexadecimal digits; write %25")
            }
            bytes.append(high << 4 | low)
        }
        guard let decoded = String(validating: bytes, as: UTF8.self) else {
            throw .configuration("the Redis URL's \(part) is not UTF-8 after percent-decoding")
        }
        return decoded
    }

    private static func hexDigit(_ byte: UInt8) -> UInt8? {
        Character(Unicode.Scalar(byte)).hexDigitValue.map { UInt8($0) }
    }
}
