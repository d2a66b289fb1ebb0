/// What may happen to a server while it is used.
public enum Nemesis: String, CaseIterable, Sendable {
    /// SIGKILL, and it comes back without its data.
    case restartedEmpty
    /// SIGKILL, and it comes back with every write that it has answered.
    case restartedWithData
    /// FLUSHALL.
    case flushed
    /// SCRIPT FLUSH.
    case scriptsFlushed
    /// All connections but the test's own are closed by the server.
    case connectionsKilled
    /// It becomes a replica, which takes no writes.
    case readOnly
    /// It takes no writes because it has too few replicas.
    case withoutReplicas
    /// `maxmemory` with `noeviction`: it takes nothing that needs memory.
    case outOfMemory

    /// Whether what was written may be gone.
    public var losesData: Bool { self == .restartedEmpty || self == .flushed }

    /// How the server has to be started.
    public func options(immortalKeyPrefixes: [String] = []) -> RedisServerOptions {
        RedisServerOptions(
            persistent: self == .restartedWithData, checksLeaks: true, immortalKeyPrefixes: immortalKeyPrefixes)
    }

    /// What takes no time is done several times: the more often, the more moments it meets.
    public var strikes: Int {
        switch self {
        case .restartedEmpty, .restartedWithData: 1
        case .flushed, .scriptsFlushed, .connectionsKilled: 5
        case .readOnly, .withoutReplicas, .outOfMemory: 2
        }
    }

    /// Lets it happen, waits for `meanwhile`, and undoes it.
    public func strike(_ server: RedisServer, meanwhile: () async throws -> Void) async throws {
        switch self {
        case .restartedEmpty, .restartedWithData:
            await server.kill()
            try await meanwhile()
            try await server.start()
        case .flushed: try await strike(server, ["FLUSHALL"], meanwhile)
        case .scriptsFlushed: try await strike(server, ["SCRIPT", "FLUSH"], meanwhile)
        case .connectionsKilled:
            try server("CLIENT", "KILL", "TYPE", "pubsub")
            try await strike(server, ["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"], meanwhile)
        case .readOnly:
            try await strike(server, ["REPLICAOF", "127.0.0.1", "1"], meanwhile, ["REPLICAOF", "NO", "ONE"])
        case .withoutReplicas:
            let set = ["CONFIG", "SET", "min-replicas-to-write"]
            try await strike(server, set + ["1"], meanwhile, set + ["0"])
        case .outOfMemory:
            let set = ["CONFIG", "SET", "maxmemory"]
            try await strike(server, set + ["1"], meanwhile, set + ["0"])
        }
    }

    private func strike(
        _ server: RedisServer, _ command: [String], _ meanwhile: () async throws -> Void, _ undoing: [String]? = nil
    ) async throws {
        let reply = try server.call(command)
        if case .error(let text) = reply { throw TestTimeout("\(command) was refused: \(text)") }
        try await meanwhile()
        if let undoing { try server.call(undoing) }
    }
}
