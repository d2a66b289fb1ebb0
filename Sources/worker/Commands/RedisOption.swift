import ArgumentParser
import Foundation
import Logging
import RedisCore

/// Which Redis: `--redis`, then `$REDIS_URL`.
struct RedisOption: ParsableArguments {
    @Option(
        name: .customLong("redis"),
        help: ArgumentHelp(
            "Where Redis is; default: $REDIS_URL. Give passwords by the variable: arguments are visible to others.",
            valueName: "url"))
    var url: String?

    static let fallback = "redis://localhost:6379"

    /// For commands that only talk to a server.
    func configuration() throws -> RedisConfiguration {
        let environment = ProcessInfo.processInfo.environment["REDIS_URL"].flatMap { $0.isEmpty ? nil : $0 }
        return try Self.configuration(url: url ?? environment ?? Self.fallback)
    }

    static func configuration(url: String) throws -> RedisConfiguration {
        do {
            return try RedisConfiguration(url: url)
        } catch {
            throw Failure(.configuration, error.message)
        }
    }

    /// Connects, runs `body`, and closes whatever happens.
    func withClient<T>(
        name: String, _ change: (inout RedisConfiguration) -> Void = { _ in },
        _ body: (RedisClient) async throws -> T
    ) async throws -> T {
        var configuration = try configuration()
        configuration.clientName = name
        change(&configuration)
        do {
            let client = try await RedisClient.connect(configuration, logger: CommandLog.logger(level: .error))
            do {
                let result = try await body(client)
                await client.close()
                return result
            } catch {
                await client.close(drain: .zero)
                throw error
            }
        } catch {
            throw Failure(error)
        }
    }
}

extension RedisConfiguration {
    /// The URL without the password.
    var redactedURL: String {
        let user = username ?? ""
        let credentials = password == nil ? (user.isEmpty ? "" : "\(user)@") : "\(user):***@"
        switch endpoint {
        case .tcp(let host, let port):
            return "redis://\(credentials)\(host.contains(":") ? "[\(host)]" : host):\(port)/\(database)"
        case .unix(let path):
            return "unix://\(credentials)\(path)" + (database == 0 ? "" : "?db=\(database)")
        }
    }
}

/// Loggers for short commands, which print their results rather than log them.
enum CommandLog {
    static func logger(level: Logger.Level) -> Logger {
        Logger(label: "worker") { _ in WorkerLogHandler(level: level, format: .text) }
    }
}
