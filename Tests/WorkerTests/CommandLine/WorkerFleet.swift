import Foundation
import TestSupport
import Testing

/// A Redis, a folder with a configuration, and workers that run by it.
struct WorkerFleet {
    let server: RedisServer
    let path: String
    let workers: [WorkerProcess]

    /// Starts one worker a name, waits until all are subscribed, and cleans up after `body`.
    static func with(
        _ names: [String], _ configuration: String, _ body: (WorkerFleet) async throws -> Void
    ) async throws {
        try await withRedisServer { server in
            try await withFolder(configuration) { path in
                try await start(names[...], .init(server: server, path: path, workers: []), body)
            }
        }
    }

    /// A folder with `worker.yaml` in it.
    static func withFolder<T>(_ configuration: String, _ body: (String) async throws -> T) async throws -> T {
        let path = NSTemporaryDirectory() + "worker-test-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: path) }
        try configuration.write(toFile: "\(path)/worker.yaml", atomically: false, encoding: .utf8)
        return try await body(path)
    }

    private static func start(
        _ names: ArraySlice<String>, _ fleet: WorkerFleet, _ body: (WorkerFleet) async throws -> Void
    ) async throws {
        guard let name = names.first else {
            for worker in fleet.workers { try await worker.logs("ready") }
            return try await body(fleet)
        }
        try await WorkerProcess.with(
            ["run", "--config", "\(fleet.path)/worker.yaml"],
            environment: ["REDIS_URL": fleet.server.url, "DIR": fleet.path, "NAME": name]
        ) { worker in
            let workers = fleet.workers + [worker]
            try await start(names.dropFirst(), .init(server: fleet.server, path: fleet.path, workers: workers), body)
        }
    }

    func publish(_ payloads: [String], to channel: String = "jobs", type: String = "job") async throws {
        let result = try await WorkerProcess.run(
            ["publish", channel, type, "-", "--redis", server.url], input: payloads.joined(separator: "\n") + "\n")
        try #require(result.code == 0, "\(result.errors)")
    }

    /// What the programs wrote.
    var ledger: [String] {
        let text = (try? String(contentsOfFile: "\(path)/ledger", encoding: .utf8)) ?? ""
        return text.split(separator: "\n").map(String.init)
    }

    /// The ids of finished runs.
    var done: [String] { ledger.filter { $0.hasPrefix("done ") } }

    /// Lets the lease of an event's claim be over, and those who wait for it look.
    func endLease(handler: String, id: String) throws {
        let key = try #require(try server("KEYS", "*once:{\(handler)*\(id)}").strings.first)
        try server("HSET", key, "until", "0")
        try server("PUBLISH", "\(key):wake:0", "")
    }

    /// Lets waiting programs go on.
    func go() { _ = FileManager.default.createFile(atPath: "\(path)/go", contents: nil) }

    static func isAlive(_ process: Int32) -> Bool {
        guard kill(process, 0) == 0 else { return false }
        // Ended, but its parent has not asked yet.
        let status = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8)
        return status?.contains(") Z") != true
    }
}
