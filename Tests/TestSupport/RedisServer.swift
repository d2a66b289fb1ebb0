public import EmbeddedRedis
import Foundation
import Logging
public import RedisCore
import Synchronization

/// A real `redis-server` of a test's own, reachable over a Unix socket and a loopback port.
public final class RedisServer: Sendable {
    /// The server beneath.
    public let embedded: EmbeddedServer
    private let client = Mutex<RespClient?>(nil)

    init(_ embedded: EmbeddedServer) { self.embedded = embedded }

    /// Its Unix socket.
    public var unix: TestAddress { .unix(path: embedded.directory + "/redis.sock") }
    /// Its folder: removed, with whatever a test puts there, when the server ends.
    public var directory: String { embedded.directory }
    /// Its loopback port.
    public var tcp: TestAddress { .tcp(port: embedded.tcpPort ?? 0) }
    /// Its loopback port's number.
    public var port: Int { embedded.tcpPort ?? 0 }
    /// How to reach it over the Unix socket.
    public var configuration: RedisConfiguration { embedded.configuration.patient }
    /// How to reach it over TCP.
    public var tcpConfiguration: RedisConfiguration { tcp.configuration }
    /// Unix socket as a URL.
    public var url: String { embedded.url }
    /// `redis://127.0.0.1:port`.
    public var tcpURL: String { tcp.url }

    /// Sends a command over the tests' own client and returns the reply; error replies are values.
    @discardableResult
    public func callAsFunction(_ arguments: String...) throws -> RespValue { try call(arguments) }

    /// Sends a command over the tests' own client, on a new connection when the server has ended the last one.
    ///
    /// A command that is only slow is not repeated: the server may yet do it.
    @discardableResult
    public func call(_ arguments: [String]) throws -> RespValue {
        try client.withLock { client in
            do {
                if let open = client { return try open.call(arguments) }
            } catch let error as RespClient.Failure where error.isDisconnect {}
            let fresh = try RespClient(unix)
            client = fresh
            return try fresh.call(arguments)
        }
    }

    /// A further connection of the tests' own client.
    public func connect(timeout: Duration = .seconds(60)) throws -> RespClient {
        try RespClient(unix, timeout: timeout)
    }

    /// SIGKILL; returns when the process is gone.
    ///
    /// Data that was not on disk is lost.
    public func kill() async {
        embedded.signal(SIGKILL)
        await embedded.processEnd()
    }

    /// SIGTERM; returns when the process is gone.
    public func shutDown() async {
        embedded.signal(SIGTERM)
        await embedded.processEnd()
    }

    /// Starts it again after ``kill()`` or ``shutDown()``, on the same socket, port and data.
    public func start() async throws { try await embedded.relaunch() }

    /// ``kill()``, then ``start()``.
    public func restart() async throws {
        await kill()
        try await start()
    }

    /// SIGSTOP: connections stay open and nothing answers, until ``resume()``.
    public func pause() { embedded.signal(SIGSTOP) }

    /// SIGCONT.
    public func resume() { embedded.signal(SIGCONT) }

    /// INFO's fields.
    public func info(_ section: String = "all") throws -> [String: String] {
        var fields: [String: String] = [:]
        for line in (try call(["INFO", section]).string ?? "").split(whereSeparator: \.isNewline) {
            guard let colon = line.firstIndex(of: ":") else { continue }
            fields[String(line[..<colon])] = String(line[line.index(after: colon)...])
        }
        return fields
    }

    /// How often a command was called, by its lower-case name, since the start or CONFIG RESETSTAT.
    public func calls(of command: String) throws -> Int {
        let stats = try info("commandstats")["cmdstat_\(command.lowercased())"] ?? ""
        return Int(stats.split(separator: ",").first?.dropFirst("calls=".count) ?? "") ?? 0
    }

    /// CLIENT LIST, one dictionary a connection.
    public func clients() throws -> [[String: String]] {
        (try call(["CLIENT", "LIST"]).string ?? "").split(separator: "\n").map { line in
            var fields: [String: String] = [:]
            for field in line.split(separator: " ") {
                let parts = field.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                if parts.count == 2 { fields[String(parts[0])] = String(parts[1]) }
            }
            return fields
        }
    }
}

/// How a test's server is started.
public struct RedisServerOptions: Sendable {
    /// Append-only file with every write on disk, so that data outlives ``RedisServer/kill()``.
    public var persistent = false
    /// Further directives.
    public var directives: [String: String] = [:]
    /// Keys that may be left without a TTL and still pass ``checksLeaks``, as prefixes.
    public var immortalKeyPrefixes: [String] = []
    /// Fail the test when its end finds keys without TTL, or subscriptions.
    public var checksLeaks = false

    /// A server that forgets everything.
    public init(
        persistent: Bool = false, directives: [String: String] = [:], checksLeaks: Bool = false,
        immortalKeyPrefixes: [String] = []
    ) {
        self.persistent = persistent
        self.directives = directives
        self.checksLeaks = checksLeaks
        self.immortalKeyPrefixes = immortalKeyPrefixes
    }
}

/// Runs a body with a server of its own and ends the server afterwards, however the body ends.
///
/// At most twelve tests have servers at the same time; the others wait, before their time limits begin.
public func withRedisServer<T>(
    _ options: RedisServerOptions = .init(), isolation: isolated (any Actor)? = #isolation,
    _ body: (RedisServer) async throws -> T
) async throws -> T {
    try await ServerSlots.withSlot { try await withOwnServer(options, body) }
}

private func withOwnServer<T>(
    _ options: RedisServerOptions, isolation: isolated (any Actor)? = #isolation,
    _ body: (RedisServer) async throws -> T
) async throws -> T {
    var embedded = EmbeddedServer.Options()
    embedded.tcpPort = 0
    embedded.restarts = false
    embedded.appendOnly = options.persistent
    embedded.directives = options.directives
    // Redis 7 guards DEBUG; older servers refuse the directive that lifts the guard.
    if try redisServerMajorVersion() >= 7 { embedded.directives["enable-debug-command"] = "local" }
    if options.persistent { embedded.directives["appendfsync"] = "always" }
    var logger = Logger(label: "test.redis-server")
    logger.logLevel = .error
    let server = RedisServer(try await EmbeddedServer.start(embedded, logger: logger))
    do {
        let result = try await body(server)
        if options.checksLeaks { try await server.expectNoLeaks(immortalKeyPrefixes: options.immortalKeyPrefixes) }
        await server.embedded.stop()
        return result
    } catch {
        await server.embedded.stop()
        throw error
    }
}

/// The installed server's major version.
func redisServerMajorVersion() throws -> Int {
    if let known = knownMajorVersion.withLock({ $0 }) { return known }
    let process = Process()
    let output = Pipe()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = ["redis-server", "--version"]
    process.standardOutput = output
    try process.run()
    let text = String(decoding: try output.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
    process.waitUntilExit()
    let version = text.firstRange(of: "v=").flatMap { Int(text[$0.upperBound...].prefix { $0.isNumber }) } ?? 0
    knownMajorVersion.withLock { $0 = version }
    return version
}

private let knownMajorVersion = Mutex<Int?>(nil)
