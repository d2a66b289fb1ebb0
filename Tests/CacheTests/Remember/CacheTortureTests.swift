import Foundation
import TestSupport
import Testing

/// T7: a thousand concurrent misses in four processes are one load.
@Suite struct CacheTortureTests {
    private final class Misser {
        let process = Process()
        private let input = Pipe()
        private let output: URL

        init(_ server: RedisServer, key: String, number: Int, calls: Int) throws {
            output = URL(filePath: server.directory).appending(path: "misser-\(number).txt")
            try Data().write(to: output)
            process.executableURL = try builtProgram("cache-torture")
            process.arguments = [server.url, key, "\(calls)"]
            process.standardInput = input
            process.standardOutput = try FileHandle(forWritingTo: output)
            try process.run()
        }

        var lines: [String] {
            ((try? String(contentsOf: output, encoding: .utf8)) ?? "").split(separator: "\n").map(String.init)
        }

        func go() throws { try input.fileHandleForWriting.write(contentsOf: Data("go\n".utf8)) }
    }

    @Test func `a thousand misses in four processes are one load`() async throws {
        try await withRedisServer { server in
            for round in 0..<3 {
                let key = "hot\(round)"
                let missers = try (0..<4).map {
                    try Misser(server, key: key, number: round * 4 + $0, calls: 250)
                }
                defer {
                    for misser in missers where misser.process.isRunning {
                        kill(misser.process.processIdentifier, SIGKILL)
                    }
                }
                try await eventually("all are ready", within: .seconds(60)) {
                    missers.allSatisfy { $0.lines.first == "ready" }
                }
                for misser in missers { try misser.go() }
                try await eventually("all are done", within: .seconds(60)) {
                    missers.allSatisfy { !$0.process.isRunning }
                }
                for misser in missers {
                    #expect(misser.process.terminationStatus == 0)
                    #expect(misser.lines.last == "values 1")
                }
                #expect(try server("GET", "loads:\(key)") == "1")
                #expect(try server("EXISTS", "{torture:\(key)}:fill") == 0)
            }
        }
    }
}
