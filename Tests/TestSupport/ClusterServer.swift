import Foundation
public import RedisCore

/// Runs a body with a cluster of one server, which refuses commands with keys of several slots, and a client of the
/// tests' own for it.
///
/// `EmbeddedServer` makes no clusters: this server lives in the folder of another one, and as long as a pipe is open.
public func withClusterServer<T>(
    isolation: isolated (any Actor)? = #isolation, _ body: (RespClient, RedisConfiguration) async throws -> T
) async throws -> T {
    try await withRedisServer { owner in
        let address = TestAddress.unix(path: owner.directory + "/cluster.sock")
        let (descriptor, bus) = try Sockets.reserve(.tcp(port: 0))
        close(descriptor)
        guard case .tcp(let port) = bus else { throw TestTimeout("a port for the cluster") }
        let process = Process()
        let life = Pipe()
        process.executableURL = URL(filePath: "/bin/sh")
        process.arguments =
            ["-c", "redis-server \"$@\" >/dev/null 2>&1 & read -r _; kill -9 $!", "redis-server"]
            + ["--port", "0", "--cluster-enabled", "yes", "--cluster-port", "\(port)", "--save", ""]
            + ["--dir", owner.directory, "--unixsocket", owner.directory + "/cluster.sock"]
        process.standardInput = life
        try process.run()
        defer {
            try? life.fileHandleForWriting.close()
            process.waitUntilExit()
        }
        var client: RespClient?
        try await eventually("the cluster serves") {
            guard let open = try? client ?? RespClient(address) else { return false }
            if client == nil { try open("CLUSTER", "ADDSLOTSRANGE", "0", "16383") }
            client = open
            return try open("CLUSTER", "INFO").string?.contains("cluster_state:ok") == true
        }
        guard let client else { throw TestTimeout("the cluster's server") }
        return try await body(client, address.configuration)
    }
}
