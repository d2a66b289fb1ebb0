import EmbeddedRedis
import Foundation
import Logging
import RedisCore
import ServiceLifecycle
import TestSupport
import Testing

@Suite struct EmbeddedServerTests {
    private func start(_ change: (inout EmbeddedServer.Options) -> Void = { _ in }) async throws -> EmbeddedServer {
        var options = EmbeddedServer.Options()
        change(&options)
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        return try await EmbeddedServer.start(options, logger: logger)
    }

    private func client(_ server: EmbeddedServer) throws -> RespClient {
        try RespClient(.unix(path: server.directory + "/redis.sock"))
    }

    @Test func `a started server answers in a folder that only its owner may enter`() async throws {
        let server = try await start()
        let attributes = try FileManager.default.attributesOfItem(atPath: server.directory)
        #expect(attributes[.posixPermissions] as? Int == 0o700)
        #expect(try client(server)("PING") == .status("PONG"))
        #expect(server.url == "unix://\(server.directory)/redis.sock")
        #expect(server.configuration.endpoint == .unix(path: server.directory + "/redis.sock"))
        #expect(server.tcpPort == nil)
        #expect(try client(server)("CONFIG", "GET", "port").strings == ["port", "0"])
        await server.stop()
    }

    @Test func `stopping leaves no process and no file, however often and by how many`() async throws {
        let server = try await start { $0.appendOnly = true }
        let processID = server.processID
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<4 { group.addTask { await server.stop() } }
        }
        await server.stop()
        #expect(!ProcessResources.isAlive(processID))
        #expect(!FileManager.default.fileExists(atPath: server.directory))
    }

    @Test func `a server that nobody holds any more ends by itself`() async throws {
        var server: EmbeddedServer? = try await start()
        let processID = try #require(server?.processID)
        let directory = try #require(server?.directory)
        server = nil
        try await eventually("the process is gone") { !ProcessResources.isAlive(processID) }
        try await eventually("the folder is gone") { !FileManager.default.fileExists(atPath: directory) }
    }

    @Test func `port 0 picks a free port on loopback only`() async throws {
        let server = try await start { $0.tcpPort = 0 }
        let port = try #require(server.tcpPort)
        #expect(port > 0)
        let client = try RespClient(.tcp(port: port))
        #expect(try client("CONFIG", "GET", "bind").strings == ["bind", "127.0.0.1"])
        await server.stop()
    }

    @Test func `a dead server is started again on the same port with its data`() async throws {
        let server = try await start {
            $0.tcpPort = 0
            $0.appendOnly = true
            $0.directives = ["appendfsync": "always"]
        }
        let (first, port) = (server.processID, try #require(server.tcpPort))
        #expect(try client(server)("SET", "key", "value") == .status("OK"))
        server.signal(SIGKILL)
        try await eventually("a restart", within: .seconds(60)) { server.restarts == 1 }
        #expect(server.processID != first)
        #expect(server.tcpPort == port)
        let client = try RespClient(.tcp(port: port))
        #expect(try client("GET", "key") == "value")
        await server.stop()
    }

    @Test func `after five quick deaths it gives up with the server's last words`() async throws {
        let server = try await start { $0.directives = ["loglevel": "debug"] }
        let directory = server.directory
        let ended = TestSignal("it gave up")
        let running = Task {
            defer { ended.fire() }
            try await server.run()
        }
        // A life that a busy machine drew out is no quick one, and the count begins anew: five are usual.
        for death in 1...20 {
            try await eventually("server \(death) runs", within: .seconds(60)) {
                server.restarts == death - 1 || ended.count > 0
            }
            if ended.count > 0 { break }
            server.signal(SIGKILL)
        }
        let error = await #expect(throws: EmbeddedServerError.self) { try await running.value }
        #expect(error?.code == .died)
        #expect(error?.message.contains("5 times") == true)
        #expect(error?.logTail.isEmpty == false)
        #expect(!FileManager.default.fileExists(atPath: directory))
    }

    @Test func `with restarts off a death ends run with an error`() async throws {
        let server = try await start { $0.restarts = false }
        let running = Task { try await server.run() }
        server.signal(SIGKILL)
        let error = await #expect(throws: EmbeddedServerError.self) { try await running.value }
        #expect(error?.code == .died)
        #expect(error?.message.contains("signal 9") == true)
    }

    @Test func `cancelling run stops the server without an error`() async throws {
        let server = try await start()
        let processID = server.processID
        let running = Task { try await server.run() }
        running.cancel()
        try await running.value
        #expect(!ProcessResources.isAlive(processID))
        #expect(!FileManager.default.fileExists(atPath: server.directory))
    }

    @Test func `stopping while it is being started again leaves nothing`() async throws {
        for _ in 0..<5 {
            let server = try await start()
            let first = server.processID
            server.signal(SIGKILL)
            try await eventually("it is dead") { !ProcessResources.isAlive(first) }
            await server.stop()
            #expect(!ProcessResources.isAlive(server.processID))
            #expect(!FileManager.default.fileExists(atPath: server.directory))
        }
    }

    @Test func `a graceful shutdown of a service group stops the server`() async throws {
        let server = try await start()
        let processID = server.processID
        let group = ServiceGroup(services: [server], logger: Logger(label: "test"))
        let running = Task { try await group.run() }
        await group.triggerGracefulShutdown()
        try await running.value
        #expect(!ProcessResources.isAlive(processID))
        #expect(!FileManager.default.fileExists(atPath: server.directory))
    }

    @Test func `a server that was stopped by a signal still ends, with SIGKILL after the budget`() async throws {
        let server = try await start { $0.stopTimeout = .milliseconds(100) }
        let processID = server.processID
        server.signal(SIGSTOP)
        await server.stop()
        #expect(!ProcessResources.isAlive(processID))
    }

    @Test func `starting waits for a server that loads its data, for longer than its silence may last`() async throws {
        try await withTemporaryFolder { folder in
            let first = try await start { $0.directory = folder }
            let client = try client(first)
            for index in 0..<400 { try client("SET", "key:\(index)", String(repeating: "x", count: 100)) }
            try client("SAVE")
            await first.stop()
            // 400 keys at 5 ms each; the server looks at its sockets every KiB it loads. On a busy machine it may be
            // silent for too long: then both times grow.
            for scale in [1, 3, 9] {
                do {
                    let second = try await start {
                        $0.directory = folder
                        $0.startTimeout = .milliseconds(1_500 * scale)
                        $0.directives = [
                            "key-load-delay": "\(5_000 * scale)", "loading-process-events-interval-bytes": "1024",
                        ]
                    }
                    #expect(try self.client(second)("DBSIZE") == 400)
                    await second.stop()
                    break
                } catch let error as EmbeddedServerError where error.code == .startFailed && scale < 9 {}
            }
        }
    }

    @Test func `a password works, and is neither in the process list nor in the URL`() async throws {
        let server = try await start { $0.directives = ["requirepass": "tiger-7"] }
        let client = try client(server)
        #expect(try client("PING") == .error("NOAUTH Authentication required."))
        #expect(try client("AUTH", "tiger-7") == .status("OK"))
        #expect(server.configuration.password == Secret("tiger-7"))
        #expect(!server.url.contains("tiger"))
        #if os(Linux)
        let commandLine = try Data(contentsOf: URL(filePath: "/proc/\(server.processID)/cmdline"))
        #expect(!String(decoding: commandLine, as: UTF8.self).contains("tiger"))
        #endif
        await server.stop()
    }

    @Test func `a given folder keeps its data, and nothing else but the log`() async throws {
        try await withTemporaryFolder { folder in
            for round in 0..<2 {
                let server = try await start {
                    $0.directory = folder
                    $0.appendOnly = true
                }
                #expect(try client(server)("INCR", "n") == .integer(round + 1))
                await server.stop()
            }
            let left = try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
            #expect(!left.contains("redis.sock"))
            #expect(left.allSatisfy { $0 == "redis.log" || $0.hasPrefix("appendonly") || $0 == "dump.rdb" }, "\(left)")
        }
    }
}

/// Runs a body with an empty folder that is removed afterwards.
func withTemporaryFolder<T>(
    isolation: isolated (any Actor)? = #isolation, _ body: (String) async throws -> T
) async throws -> T {
    let path = FileManager.default.temporaryDirectory.appending(path: "signalbox-test-\(UUID().uuidString.prefix(8))")
    try FileManager.default.createDirectory(at: path, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: path) }
    return try await body(path.path(percentEncoded: false))
}
