import Cache
import RedisCore

/// What sessions and one-time codes take on the server, by MEMORY USAGE, all of their keys together.
enum SessionFigures {
    static var all: [Figure] {
        [
            Figure(
                name: "bytes.session",
                summary: "server's bytes per session of a user with 1 and 10 of them, ended session, and one-time code",
                measure: measure)
        ]
    }

    private static func measure(_ environment: Environment) throws -> [(String, Double?)]? {
        let (redis, port) = (environment.redis, environment.port)
        return try blocking {
            var figures: [(String, Double?)] = []
            for count in [1, 10] {
                let store = RedisSessionStore<SessionCase.Visit>(redis, prefix: "bytes-\(count)")
                for _ in 0..<count { _ = try await store.create(userID: "7", data: SessionCase.Visit()) }
                figures.append(("session_of_\(count)", try bytes(port, "bytes-\(count):*") / Double(count)))
                _ = try await store.destroyAll(userID: "7")
                if count == 10 { figures.append(("session_ended", try bytes(port, "bytes-10:*") / 10)) }
            }
            _ = try await OneTimeCodes(redis, prefix: "bytes").generate(for: "user-7", purpose: "login")
            figures.append(("code", try bytes(port, "bytes:code:*")))
            return figures
        }
    }

    private static func bytes(_ port: Int, _ pattern: String) throws -> Double {
        let session = try RawSession(port: port)
        guard case .array(let keys) = try session.command("KEYS", pattern) else { return 0 }
        return try keys.reduce(0) { sum, key in
            sum + Double(try session.command("MEMORY", "USAGE", key.text ?? "", "SAMPLES", "0").integer ?? 0)
        }
    }
}
