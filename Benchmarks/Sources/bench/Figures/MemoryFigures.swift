import Foundation
import RedisCore

/// Resident memory that this process grows by, on the client's side.
enum MemoryFigures {
    static var all: [Figure] {
        [
            Figure(name: "memory.connection", summary: "resident bytes per connected client", measure: connection),
            Figure(
                name: "memory.channel", summary: "resident bytes per channel of one subscription to 10,000",
                measure: channel),
        ]
    }

    private static let clients = 500
    private static let channels = 10_000

    private static func connection(_ environment: Environment) throws -> [(String, Double?)]? {
        let configuration = RedisConfiguration(endpoint: .tcp(host: "127.0.0.1", port: environment.port))
        let loop = environment.loop
        return try growth(per: clients) {
            var all: [RedisClient] = []
            for _ in 0..<clients { all.append(try await RedisClient.connect(configuration, eventLoop: loop)) }
            return all
        } end: { all in
            for client in all { await client.close() }
        }
    }

    private static func channel(_ environment: Environment) throws -> [(String, Double?)]? {
        let redis = environment.redis
        let names = (0..<channels).map { "bench:channel:\($0)" }
        return try growth(per: channels) {
            try await redis.subscribe(channels: names)
        } end: { subscription in
            await subscription.cancel()
        }
    }

    /// The growth while what `begin` makes exists, divided by how many there are.
    private static func growth<T: Sendable>(
        per count: Int, begin: @escaping @Sendable () async throws -> T, end: @escaping @Sendable (T) async -> Void
    ) throws -> [(String, Double?)]? {
        guard let before = ResidentMemory.ofProcess(getpid()) else {
            remark("memory: resident sizes are read from /proc, which this system does not have")
            return nil
        }
        let value = try blocking(begin)
        let after = ResidentMemory.ofProcess(getpid())
        try blocking { await end(value) }
        return [("bytes", after.map { Double($0 - before) / Double(count) })]
    }
}

/// Resident set sizes as Linux reports them.
enum ResidentMemory {
    /// In bytes; nil where there is no /proc, or no such process.
    static func ofProcess(_ id: Int32) -> Int? {
        guard let status = try? String(contentsOfFile: "/proc/\(id)/status", encoding: .utf8) else { return nil }
        for line in status.split(separator: "\n") where line.hasPrefix("VmRSS:") {
            return line.split(separator: " ").dropFirst().first.flatMap { Int($0) }.map { $0 * 1_024 }
        }
        return nil
    }
}
