import EmbeddedRedis
import Foundation
import TestSupport
import Testing

@Suite struct StartErrorTests {
    /// Starts a server that must not start, and returns why.
    private func failure(_ change: (inout EmbeddedServer.Options) -> Void) async throws -> EmbeddedServerError {
        var options = EmbeddedServer.Options()
        change(&options)
        let error = await #expect(throws: EmbeddedServerError.self) { try await EmbeddedServer.start(options) }
        return try #require(error)
    }

    @Test func `a missing server names the ways to install one`() async throws {
        let error = try await failure { $0.executable = "no-such-redis-server" }
        #expect(error.code == .notInstalled)
        for way in ["apt-get install redis-server", "dnf install redis", "brew install redis"] {
            #expect(error.message.contains(way))
        }
    }

    @Test func `a folder or a plain file is not an executable`() async throws {
        #expect(try await failure { $0.executable = "/usr/bin" }.code == .notInstalled)
        #expect(try await failure { $0.executable = "/etc/passwd" }.code == .notInstalled)
    }

    @Test func `a program that ends at once is reported at once`() async throws {
        let error = try await failure { $0.executable = "/bin/false" }
        #expect(error.code == .startFailed)
        #expect(error.message.contains("exit code 1"))
    }

    @Test func `a program that never answers is ended after the start time-out`() async throws {
        try await withTemporaryFolder { folder in
            let program = folder + "/silent-server"
            try writeScript("echo $$ > \(folder)/pid\nexec sleep 600", to: program)
            var text = ""
            // On a busy machine it may be ended before it has said who it is.
            for limit in [Duration.milliseconds(500), .seconds(5), .seconds(20)] where text.isEmpty {
                let error = try await failure {
                    $0.executable = program
                    $0.startTimeout = limit
                }
                #expect(error.code == .startFailed)
                #expect(error.message.contains("did not answer"))
                text = (try? String(contentsOfFile: folder + "/pid", encoding: .utf8)) ?? ""
            }
            let processID = try #require(Int32(text.trimmingCharacters(in: .whitespacesAndNewlines)))
            #expect(!ProcessResources.isAlive(processID))
        }
    }

    @Test func `a taken port is named`() async throws {
        try await withRedisServer { server in
            let error = try await failure { $0.tcpPort = server.port }
            #expect(error.code == .portInUse)
            #expect(error.message.contains("\(server.port)"))
        }
    }

    @Test(arguments: [-1, 65_536])
    func `a port out of range is refused`(port: Int) async throws {
        #expect(try await failure { $0.tcpPort = port }.code == .invalidOption)
    }

    @Test func `time limits out of range are refused`() async throws {
        #expect(try await failure { $0.startTimeout = .zero }.code == .invalidOption)
        #expect(try await failure { $0.stopTimeout = .seconds(-1) }.code == .invalidOption)
    }

    @Test func `a directive that the server refuses comes back with the server's words`() async throws {
        let error = try await failure { $0.directives = ["no-such-directive": "1"] }
        #expect(error.code == .invalidOption)
        #expect(error.logTail.contains { $0.contains("no-such-directive") })
    }

    @Test func `a path too long for a socket is refused with both lengths`() async throws {
        let error = try await failure { $0.directory = "/tmp/" + String(repeating: "x", count: 120) }
        #expect(error.code == .directoryUnusable)
        #expect(error.message.contains("136 bytes"))
        #expect(!FileManager.default.fileExists(atPath: "/tmp/" + String(repeating: "x", count: 120)))
    }

    @Test func `a folder that cannot be one is refused`() async throws {
        for path in ["/etc/passwd", "/etc/passwd/redis", "/proc/signalbox", "", "/tmp/a\0b"] {
            #expect(try await failure { $0.directory = path }.code == .directoryUnusable, "\(path)")
        }
    }

    @Test(.enabled(if: geteuid() != 0, "root may write everywhere"))
    func `a folder without write permission is refused`() async throws {
        try await withTemporaryFolder { folder in
            try FileManager.default.setAttributes([.posixPermissions: 0o500], ofItemAtPath: folder)
            #expect(try await failure { $0.directory = folder }.code == .directoryUnusable)
            try FileManager.default.setAttributes([.posixPermissions: 0o700], ofItemAtPath: folder)
        }
    }

    @Test func `two servers never share a folder`() async throws {
        try await withTemporaryFolder { folder in
            var options = EmbeddedServer.Options()
            options.directory = folder
            let first = try await EmbeddedServer.start(options)
            let error = try await failure {
                $0.directory = folder
                $0.startTimeout = .milliseconds(100)
            }
            #expect(error.code == .directoryInUse)
            await first.stop()
            let second = try await EmbeddedServer.start(options)
            await second.stop()
        }
    }

    @Test func `a cancelled start leaves nothing`() async throws {
        try await withTemporaryFolder { folder in
            var isCancelled = false
            // A start that was quicker than its cancellation shows nothing.
            for _ in 0..<20 where !isCancelled {
                let starting = Task.detached {
                    var options = EmbeddedServer.Options()
                    options.directory = folder
                    return try await EmbeddedServer.start(options)
                }
                starting.cancel()
                do {
                    let server = try await starting.value
                    await server.stop()
                } catch is CancellationError {
                    isCancelled = true
                }
            }
            #expect(isCancelled)
            #expect(!FileManager.default.fileExists(atPath: folder + "/redis.sock"))
            // The lock is free again, so the process is gone.
            var options = EmbeddedServer.Options()
            options.directory = folder
            await (try EmbeddedServer.start(options)).stop()
        }
    }
}

/// Another process writes the file: a descriptor of ours, inherited by a child that another test is just starting,
/// would make the file "busy" and not executable.
private func writeScript(_ body: String, to path: String) throws {
    let shell = Process()
    shell.executableURL = URL(filePath: "/bin/sh")
    shell.arguments = ["-c", #"printf '#!/bin/sh\n%s\n' "$1" > "$2" && chmod 700 "$2""#, "sh", body, path]
    try shell.run()
    shell.waitUntilExit()
}
