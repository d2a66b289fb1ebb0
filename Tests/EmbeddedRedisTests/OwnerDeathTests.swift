import EmbeddedRedis
import Foundation
import TestSupport
import Testing

/// The owner runs in a process of its own (an exit test), because it has to die.
@Suite struct OwnerDeathTests {
    private static func report(_ server: EmbeddedServer) {
        FileHandle.standardOutput.write(Data("\(server.processID) \(server.directory)\n".utf8))
    }

    private func parse(_ output: [UInt8]) throws -> (processID: Int32, directory: String) {
        let line = String(decoding: output, as: UTF8.self).split(separator: "\n").first
        let fields = try #require(line?.split(separator: " "))
        return (try #require(Int32(fields[0])), String(fields[1]))
    }

    private func expectNothingLeft(_ output: [UInt8]) async throws {
        let (processID, directory) = try parse(output)
        try await eventually("the server is gone", within: .seconds(60)) { !ProcessResources.isAlive(processID) }
        try await eventually("the folder is gone", within: .seconds(60)) {
            !FileManager.default.fileExists(atPath: directory)
        }
    }

    @Test func `kill -9 of the owner ends the server and removes its folder`() async throws {
        let result = try await #require(processExitsWith: .signal(SIGKILL), observing: [\.standardOutputContent]) {
            var options = EmbeddedServer.Options()
            options.appendOnly = true
            let server = try await EmbeddedServer.start(options)
            Self.report(server)
            kill(getpid(), SIGKILL)
        }
        try await expectNothingLeft(result.standardOutputContent)
    }

    @Test func `kill -9 of the owner ends even a server that is stopped`() async throws {
        let result = try await #require(processExitsWith: .signal(SIGKILL), observing: [\.standardOutputContent]) {
            let server = try await EmbeddedServer.start()
            Self.report(server)
            server.signal(SIGSTOP)
            kill(getpid(), SIGKILL)
        }
        try await expectNothingLeft(result.standardOutputContent)
    }

    @Test func `exit without stop leaves nothing`() async throws {
        let result = try await #require(processExitsWith: .exitCode(3), observing: [\.standardOutputContent]) {
            let server = try await EmbeddedServer.start()
            Self.report(server)
            exit(3)
        }
        try await expectNothingLeft(result.standardOutputContent)
    }

    @Test func `a successor waits for the folder of an owner that was killed`() async throws {
        let path = FileManager.default.temporaryDirectory.path + "/signalbox-succession-\(UUID().uuidString.prefix(8))"
        let result = try await #require(processExitsWith: .signal(SIGKILL), observing: [\.standardOutputContent]) {
            [path = path as String] in
            var options = EmbeddedServer.Options()
            options.directory = path
            let server = try await EmbeddedServer.start(options)
            Self.report(server)
            kill(getpid(), SIGKILL)
        }
        let (_, directory) = try parse(result.standardOutputContent)
        defer { try? FileManager.default.removeItem(atPath: directory) }
        var options = EmbeddedServer.Options()
        options.directory = directory
        let successor = try await EmbeddedServer.start(options)
        let client = try RespClient(.unix(path: directory + "/redis.sock"))
        #expect(try client("PING") == .status("PONG"))
        // The watchdog of the killed owner must not remove the successor's socket.
        #expect(FileManager.default.fileExists(atPath: directory + "/redis.sock"))
        await successor.stop()
    }

    /// There must be no moment in which a server or folder exists and nobody would remove it.
    @Test func `kill -9 of the owner at any moment of a start leaves nothing`() async throws {
        try await withTemporaryFolder { folder in
            for _ in 0..<15 {
                await #expect(processExitsWith: .signal(SIGKILL)) { [folder = folder as String] in
                    setenv("TMPDIR", folder, 1)
                    let moment = DispatchTime.now() + .microseconds(.random(in: 0...25_000))
                    DispatchQueue.global().asyncAfter(deadline: moment) { kill(getpid(), SIGKILL) }
                    while true {
                        let server = try await EmbeddedServer.start()
                        await server.stop()
                    }
                }
            }
            try await eventually("no folder is left") {
                try FileManager.default.contentsOfDirectory(atPath: folder).isEmpty
            }
            try await eventually("no process is left") { ProcessResources.withVariable("TMPDIR=\(folder)").isEmpty }
        }
    }

    @Test func `starting and stopping leaves no descriptor, child or thread's work behind`() async throws {
        await #expect(processExitsWith: .success) {
            await (try EmbeddedServer.start()).stop()
            let before = ProcessResources.openFileDescriptors()
            for _ in 0..<3 { await (try EmbeddedServer.start()).stop() }
            // A task that has just ended may still hold something.
            try await eventually("nothing is left") {
                ProcessResources.openFileDescriptors() <= before && ProcessResources.children().isEmpty
            }
        }
    }
}
