import Foundation
import TestSupport
import Testing

@testable import Cache

/// A process that is stopped (SIGSTOP) while others write, and goes on: what its near cache may say then.
@Suite struct NearStopTests {
    private static let heartbeat = 250
    private static let bound = Int64(2 * heartbeat) * 1_000_000

    private final class Watcher {
        let process = Process()
        private let file: URL

        init(_ server: RedisServer, key: String, heartbeat: Int) throws {
            file = URL(filePath: server.directory).appending(path: "near-watch.txt")
            process.executableURL = try builtProgram("cache-torture")
            process.arguments = ["near", server.url, key, "\(heartbeat)", file.path()]
            try process.run()
        }

        var lines: [[Substring]] {
            let text = (try? String(contentsOf: file, encoding: .utf8)) ?? ""
            return text.split(separator: "\n").map { $0.split(separator: " ") }
        }

        func signal(_ number: Int32) { kill(process.processIdentifier, number) }

        /// It reads a number without asking Redis.
        func isNear(_ number: Int) -> Bool { lines.contains { $0 == ["near", "\(number)"] } }
    }

    /// Even rounds stop it for longer than the bound, the others for no longer than a write takes.
    @Test func `a process that was stopped hands out nothing that is older than the bound`() async throws {
        try await withRedisServer { server in
            try server("SET", "torture:k", "0", "PX", "600000")
            let watcher = try Watcher(server, key: "k", heartbeat: Self.heartbeat)
            defer { if watcher.process.isRunning { watcher.signal(SIGKILL) } }
            var written: [Int: Int64] = [:]
            let rounds = 10
            for round in 1...rounds {
                try await eventually("\(round - 1) is near", within: .seconds(60)) { watcher.isNear(round - 1) }
                watcher.signal(SIGSTOP)
                try server("SET", "torture:k", "\(round)", "PX", "600000")
                let now = HistoryFile.now()
                written[round] = now
                if round % 2 == 0 {
                    try await eventually("the bound is over", within: .seconds(60)) {
                        HistoryFile.now() > now + Self.bound * 3 / 2
                    }
                }
                watcher.signal(SIGCONT)
            }
            try await eventually("the last is near", within: .seconds(60)) { watcher.isNear(rounds) }
            var numbers: [Int] = []
            for line in watcher.lines where line.count == 3 {
                let (number, time) = (try #require(Int(line[1])), try #require(Int64(line[2])))
                if line[0] == "see" { numbers.append(number) }
                guard line[0] == "last", let replaced = written[number + 1] else { continue }
                #expect(time <= replaced + Self.bound, "\(number) was read \(time - replaced) ns after its end")
            }
            #expect(numbers == Array(0...rounds), "each was seen, and none came back")
        }
    }
}
