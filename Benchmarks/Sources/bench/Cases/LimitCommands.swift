import Coordination
import RedisCore

/// The command of one check exactly as `Coordination` sends it, taken from the server's MONITOR.
///
/// So the floor runs the same script with the same arguments, and keeps doing so when the script changes.
enum LimitCommands {
    private static let endMark = "bench-end-of-capture"

    /// One EVALSHA for each of `count` keys.
    static func capture(_ count: Int, of limiter: RateLimiter, from environment: Environment) throws -> [[[UInt8]]] {
        let keys = (0..<count).map { "floor-\(count)-\($0)" }
        try blocking { _ = try await limiter.check("warm") }  // from here on the server knows the script
        let seen = try listen(on: environment) { for key in keys { _ = try await limiter.check(key) } }
        return try keys.map { key in
            let commands = seen.filter { $0.contains { String(decoding: $0, as: UTF8.self).contains("{\(key)}") } }
            guard commands.count == 1 else {
                throw BenchmarkError("a check took \(commands.count) commands; the floor knows one")
            }
            return commands[0]
        }
    }

    /// The EVAL with the script's source that a check becomes when the server has forgotten its scripts.
    static func source(of limiter: RateLimiter, from environment: Environment) throws -> [[UInt8]] {
        try RawSession(port: environment.port).command("SCRIPT", "FLUSH")
        let seen = try listen(on: environment) { _ = try await limiter.check("source") }
        guard let command = seen.first(where: { $0.first == Array("EVAL".utf8) }) else {
            throw BenchmarkError("the check was not sent with its source")
        }
        return command
    }

    /// What the server was sent while `body` ran.
    static func listen(
        on environment: Environment, _ body: @escaping @Sendable () async throws -> Void
    ) throws -> [[[UInt8]]] {
        let monitor = try RawSession(port: environment.port)
        try monitor.command("MONITOR")
        try blocking(body)
        try RawSession(port: environment.port).command("ECHO", endMark)
        var seen: [[[UInt8]]] = []
        while let line = try monitor.nextReply().text, !line.contains(endMark) {
            if let command = MonitorLine.arguments(of: line) { seen.append(command) }
        }
        return seen
    }
}
