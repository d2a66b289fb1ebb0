import Cache
import RedisCore

/// `session.get.N` and `session.refresh.N`: read a session, or read it and extend its life.
///
/// N tasks on sessions of their own with about 200 bytes of data. `….loop` is the same work without Swift's pool.
enum SessionCase {
    static var all: [BenchmarkCase] {
        [false, true].flatMap { refreshes in
            [make(refreshes, 1), make(refreshes, 64), make(refreshes, 64, .loop)]
        }
    }

    struct Visit: Codable, Sendable {
        var name = "Ada Lovelace"
        var roles = ["customer", "reviewer"]
        var cart = ["8f14e45f-ceea-467f-a8d0-1b9d4a4f1f0e": 2, "c9f0f895-fb98-4b91-a7d4-2e3c1f5a9b1c": 1]
        var language = "en-GB"
        var csrf = "kq2Jx0v4m7Yt1o8cZr5b9wEd3uNf6hSa"
    }

    private static func make(_ refreshes: Bool, _ tasks: Int, _ placement: Placement = .pool) -> BenchmarkCase {
        let verb = refreshes ? "refresh" : "get"
        return BenchmarkCase(
            name: "session.\(verb).\(tasks)" + (placement == .loop ? ".loop" : ""),
            summary: "session \(refreshes ? "refreshes" : "gets"), \(tasks) callers on distinct sessions, tasks "
                + (placement == .loop ? "on the loop" : "in the pool"),
            awaits: 1, bar: .init(throughput: 0.5, cpu: 1.5),
            floor: { environment in
                let store = RedisSessionStore<Visit>(environment.redis)
                let sessions = try sessions(tasks, store)
                // From here on the server knows the script.
                try blocking { _ = try await store.get(sessions[0], touching: refreshes) }
                let seen = try LimitCommands.listen(on: environment) {
                    for id in sessions { _ = try await store.get(id, touching: refreshes) }
                }
                guard seen.count == tasks else {
                    throw BenchmarkError(
                        "\(tasks) session \(verb)s took \(seen.count) commands; the floor knows one each")
                }
                return try CommandFloor.make(port: environment.port, commands: seen)
            },
            suspension: placement.suspension(tasks: tasks),
            client: { environment in
                let store = RedisSessionStore<Visit>(environment.redis)
                let sessions = try sessions(tasks, store)
                return TaskWorkload(tasks: tasks, executor: placement.executor(environment)) { run in
                    let id = sessions[run.number]
                    while run.next() {
                        guard try await store.get(id, touching: refreshes) != nil else {
                            throw BenchmarkError("a session is gone")
                        }
                    }
                }
            })
    }

    private static func sessions(_ count: Int, _ store: RedisSessionStore<Visit>) throws -> [SessionID] {
        try blocking {
            var ids: [SessionID] = []
            for number in 0..<count {
                ids.append(try await store.create(userID: "bench-\(number)", data: Visit()).id)
            }
            return ids
        }
    }
}
