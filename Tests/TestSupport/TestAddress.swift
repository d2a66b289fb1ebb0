import Foundation
public import RedisCore

/// Where a test's socket listens.
public enum TestAddress: Sendable, Hashable {
    /// A port of 127.0.0.1; 0 picks one when listening.
    case tcp(port: Int)
    /// A Unix socket.
    case unix(path: String)

    /// The address as the configuration of a client that waits as long as a busy machine may need.
    public var configuration: RedisConfiguration {
        let endpoint: RedisConfiguration.Endpoint =
            switch self {
            case .tcp(let port): .tcp(host: "127.0.0.1", port: port)
            case .unix(let path): .unix(path: path)
            }
        return RedisConfiguration(endpoint: endpoint).patient
    }

    /// The address as a URL.
    public var url: String {
        switch self {
        case .tcp(let port): "redis://127.0.0.1:\(port)"
        case .unix(let path): "unix://\(path)"
        }
    }
}

extension RedisConfiguration {
    /// With limits that only a broken test meets: the default 5 s may pass on a busy machine.
    var patient: RedisConfiguration {
        var configuration = self
        configuration.connectTimeout = .seconds(60)
        configuration.heartbeat = .seconds(60)
        return configuration
    }
}
