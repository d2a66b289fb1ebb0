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
    /// `maxmemory` with `allkeys-lru`: it makes room by dropping what was written.
    case evicting
    /// SIGSTOP: connections stay and nothing answers, until it goes on with what it was sent meanwhile.
    case paused

    /// Whether what was written may be gone.
    public var losesData: Bool { self == .restartedEmpty || self == .flushed || self == .evicting }

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
        case .evicting: 3
        case .readOnly, .withoutReplicas, .outOfMemory, .paused: 2
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
        case .evicting: try await evict(server, meanwhile)
        case .paused:
            server.pause()
            // Nothing can be asked of a stopped server, nor can it be ended properly.
            defer { server.resume() }
            try await meanwhile()
        }
    }

    /// A little less memory than is in use, so that part of the keys goes, and then one for each that comes.
    private func evict(_ server: RedisServer, _ meanwhile: () async throws -> Void) async throws {
        let set = ["CONFIG", "SET", "maxmemory"]
        let policy = ["CONFIG", "SET", "maxmemory-policy"]
        let used = Int(try server.info("memory")["used_memory"] ?? "") ?? 0
        try server.call(policy + ["allkeys-lru"])
        try await strike(server, set + ["\(max(1, used - 4_096))"], meanwhile, set + ["0"])
        try server.call(policy + ["noeviction"])
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
