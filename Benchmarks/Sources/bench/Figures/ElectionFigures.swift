import Coordination
import Foundation
import RedisCore

/// How long nobody leads when a leader goes.
enum ElectionFigures {
    static var all: [Figure] {
        [
            Figure(
                name: "election.resign", summary: "from the order to end to the successor's first line, lease 15 s",
                measure: resignation),
            Figure(
                name: "election.crash",
                summary: "from kill -9 of the leader's process to the successor's first line, lease 3 s",
                measure: crash),
        ]
    }

    private static let rounds = 7
    private static let name = "bench:election"

    /// For a process that does nothing but lead, until it is killed.
    static func lead(port: Int) throws {
        try blocking {
            let redis = try await RedisClient.connect("redis://127.0.0.1:\(port)")
            try await LeaderElection(redis, name: name, id: "victim", timing: quick).run()
        }
    }

    private static var quick: ElectionTiming {
        ElectionTiming(lease: .seconds(3), renewDeadline: .seconds(2), retry: .milliseconds(250))
    }

    private static func resignation(_ environment: Environment) throws -> [(String, Double?)]? {
        let (port, loop) = (environment.port, environment.loop)
        let milliseconds = try blocking {
            var all: [Double] = []
            for _ in 0..<rounds {
                let clients = (0..<2).map { _ in client(port, loop) }
                let (led, leads) = AsyncStream<Int>.makeStream()
                let candidates = try clients.enumerated().map { number, redis in
                    let election = try LeaderElection(redis, name: name, id: "\(number)") { leadership in
                        leads.yield(number)
                        try await Task.sleep(for: .seconds(600))
                    }
                    return Task { try await election.run() }
                }
                var turns = led.makeAsyncIterator()
                guard let first = await turns.next() else { throw BenchmarkError("nobody leads") }
                // The other one has asked, and listens.
                try await Task.sleep(for: .milliseconds(300))
                let begin = ContinuousClock.now
                candidates[first].cancel()
                _ = await turns.next()
                all.append((ContinuousClock.now - begin) / .milliseconds(1))
                for candidate in candidates { candidate.cancel() }
                for candidate in candidates { _ = await candidate.result }
                for redis in clients { await redis.close() }
            }
            return all
        }
        return [("median_ms", milliseconds.median), ("max_ms", milliseconds.max())]
    }

    private static func crash(_ environment: Environment) throws -> [(String, Double?)]? {
        let (port, loop) = (environment.port, environment.loop)
        var all: [Double] = []
        for _ in 0..<rounds {
            let victim = Process()
            victim.executableURL = URL(fileURLWithPath: CommandLine.arguments[0])
            victim.arguments = ["--lead", "\(port)"]
            try victim.run()
            let process = victim.processIdentifier
            let elapsed = try blocking { () -> Double in
                let redis = client(port, loop)
                while try await Elections(redis).currentLeader(name)?.id != "victim" {
                    try await Task.sleep(for: .milliseconds(10))
                }
                let (led, leads) = AsyncStream<Void>.makeStream()
                let election = try LeaderElection(redis, name: name, id: "successor", timing: quick) { _ in
                    leads.yield(())
                    try await Task.sleep(for: .seconds(600))
                }
                let running = Task { try await election.run() }
                // At any moment of a renewal's period, not always at its beginning.
                try await Task.sleep(for: .milliseconds(.random(in: 500...1_500)))
                let begin = ContinuousClock.now
                kill(process, SIGKILL)
                for await _ in led { break }
                let elapsed = (ContinuousClock.now - begin) / .milliseconds(1)
                running.cancel()
                _ = await running.result
                await redis.close()
                return elapsed
            }
            victim.waitUntilExit()
            all.append(elapsed)
        }
        return [("median_ms", all.median), ("max_ms", all.max())]
    }

    private static func client(_ port: Int, _ loop: EventLoop) -> RedisClient {
        RedisClient(RedisConfiguration(endpoint: .tcp(host: "127.0.0.1", port: port)), eventLoop: loop)
    }
}
