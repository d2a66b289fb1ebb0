import Foundation

/// The `redis-server` of a run, on a loopback port: usually a private process with nothing on disk.
final class RedisServer {
    let port: Int
    /// Nil when the server was there before.
    private let process: Process?
    /// For files of this run; removed at the end.
    let folder: URL

    /// Starts a server, or uses the one that already listens on `port`.
    init(port given: Int?) throws {
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("signalbox-bench-\(getpid())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        port = given ?? Int.random(in: 20_000..<30_000)
        process = given == nil ? try Self.start(port: port, folder: folder) : nil
        for _ in 0..<500 {
            if let session = try? RawSession(port: port), (try? session.command("PING")) != nil { return }
            Thread.sleep(forTimeInterval: 0.01)
        }
        stop()
        throw BenchmarkError("redis-server did not answer on port \(port) within 5 s")
    }

    func stop() {
        process?.terminate()
        process?.waitUntilExit()
        try? FileManager.default.removeItem(at: folder)
    }

    private static func start(port: Int, folder: URL) throws -> Process {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [
            "redis-server", "--port", "\(port)", "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
            "--dir", folder.path,
        ]
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        return process
    }
}
