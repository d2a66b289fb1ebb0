import Foundation
public import RedisCore

/// Where a test's socket listens.
public enum TestAddress: Sendable, Hashable {
    /// A port of 127.0.0.1; 0 picks one when listening.
    case tcp(port: Int)
    /// A Unix socket.
    case unix(path: String)

    /// The address as a client's configuration.
    public var configuration: RedisConfiguration {
        switch self {
        case .tcp(let port): RedisConfiguration(endpoint: .tcp(host: "127.0.0.1", port: port))
        case .unix(let path): RedisConfiguration(endpoint: .unix(path: path))
        }
    }

    /// The address as a URL.
    public var url: String {
        switch self {
        case .tcp(let port): "redis://127.0.0.1:\(port)"
        case .unix(let path): "unix://\(path)"
        }
    }
}
