extension RedisConfiguration {
    static let databases = 0...Int(Int32.max)
    static let connections = 1...1_024
    static let retries = 0...100
    static let commandTimeouts: ClosedRange<Duration> = .milliseconds(1) ... .seconds(86_400)

    /// The same configuration, or an error with code `configuration` that names the first field out of its range.
    ///
    /// Clients do this before they connect; do it earlier where configurations are read.
    @discardableResult
    public func validated() throws(RedisError) -> RedisConfiguration {
        try validateEndpoint()
        try validateTexts()
        try Self.require("database", database, in: Self.databases)
        try Self.require("commandConnections", commandConnections, in: Self.connections)
        try Self.require("eagerConnections", eagerConnections, in: 0...commandConnections)
        if case .wait(let capacity) = offline {
            try Self.require("offline capacity", capacity, in: 1...Int(Int32.max))
        }
        try Self.require("connectTimeout", connectTimeout, in: .milliseconds(1) ... .seconds(3_600))
        try Self.require("commandTimeout", commandTimeout, in: Self.commandTimeouts)
        try Self.require("heartbeat", heartbeat, in: .milliseconds(10) ... .seconds(3_600))
        try Self.require("retry.maxRetries", retry.maxRetries, in: Self.retries)
        try Self.require("retry.initialDelay", retry.initialDelay, in: .zero...RetryPolicy.longestDelay)
        try Self.require("retry.multiplier", retry.multiplier, in: 1...100)
        try Self.require("reconnect.initialDelay", reconnect.initialDelay, in: .milliseconds(1) ... .seconds(60))
        try Self.require("reconnect.maxDelay", reconnect.maxDelay, in: reconnect.initialDelay ... .seconds(3_600))
        return self
    }

    static func require<Value: Comparable>(
        _ field: String, _ value: Value, in range: ClosedRange<Value>
    ) throws(RedisError) {
        guard range.contains(value) else {
            throw .configuration("\(field) is \(value); expected \(range.lowerBound) to \(range.upperBound)")
        }
    }

    private func validateEndpoint() throws(RedisError) {
        switch endpoint {
        case .tcp(let host, let port):
            guard Endpoint.isHost(host) else {
                throw .configuration("endpoint host", is: host, expected: "a host name, an IPv4 or an IPv6 address")
            }
            try Self.require("endpoint port", port, in: 1...65_535)
        case .unix(let path):
            guard !path.isEmpty, !path.utf8.contains(0) else {
                throw .configuration("endpoint path", is: path, expected: "the path of a Unix socket")
            }
            guard path.utf8.count <= Endpoint.longestPath else {
                throw .configuration(
                    "endpoint path has \(path.utf8.count) bytes; a Unix socket's path has at most "
                        + "\(Endpoint.longestPath): move the socket, or use a shorter symbolic link")
            }
        }
    }

    private func validateTexts() throws(RedisError) {
        if let username, username.isEmpty || username.utf8.contains(where: { $0 <= 0x20 }) {
            throw .configuration("username", is: username, expected: "a name without spaces, or none")
        }
        // CLIENT SETNAME takes nothing else.
        if let clientName, clientName.isEmpty || !clientName.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) {
            throw .configuration("clientName", is: clientName, expected: "printable ASCII without spaces, or none")
        }
        // A brace would decide the cluster slot of every key; see the keys' layout.
        let isPlain = prefix.utf8.allSatisfy {
            $0 > 0x20 && $0 != 0x7F && $0 != UInt8(ascii: "{") && $0 != UInt8(ascii: "}")
        }
        guard isPlain, (1...256).contains(prefix.utf8.count) else {
            throw .configuration("prefix", is: prefix, expected: "1 to 256 bytes without spaces, { and }")
        }
    }
}
