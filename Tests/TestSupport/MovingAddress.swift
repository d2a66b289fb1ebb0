import Foundation

/// An address that leads to one server now and to another later, as a name or a virtual IP does in a failover.
public struct MovingAddress: Sendable {
    /// A Unix socket's.
    public let path: String

    /// Leads to `server`, in whose folder it lies.
    public init(to server: RedisServer) throws {
        path = server.directory + "/moving.sock"
        try lead(to: server)
    }

    /// From now on new connections reach this one.
    public func lead(to server: RedisServer) throws {
        try? FileManager.default.removeItem(atPath: path)
        try FileManager.default.createSymbolicLink(
            atPath: path, withDestinationPath: server.directory + "/redis.sock")
    }
}
