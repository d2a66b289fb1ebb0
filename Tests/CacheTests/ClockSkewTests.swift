#if os(Linux)
import Foundation
import TestSupport
import Testing

/// T5: the wall clock of the client does not matter, to any part of the cache.
///
/// `clock-skew` uses all of them while its own clock is a day ahead, a day behind, or jumps from one to the other at
/// every step, and writes down what it saw.
@Suite struct ClockSkewTests {
    /// What it has to see.
    private static let expected = [
        "values: 1, written by the server's clock: true",
        "lives: true true true true",
        "remember: 1 load",
        #"fail-safe: source, then stale 1, then ["stale"]"#,
        "tags: [1, 0, 0, 10, 0, 2, 0, 0, 20, 0], reaped true",
        "conditions: [true, false, true, true]",
        "write-through: stored 5",
        "events: true true",
        "near: true 1 true true",
        "sessions: [true, true, true, true, true, true, true, true]",
        "codes: true true true",
        #"indexed: true ["a [\"x\": 3]"]"#,
        "expiry: true 1 true",
        "windows: 3 in the server's days: true",
        #"boards: ["bob 2.0"] of the server's day: true"#,
        "memory: [true, true, true, true]",
    ]

    private static let day = 86_400

    @Test(arguments: [
        (skews: [0], hours: 0), (skews: [day], hours: 24), (skews: [-day], hours: -24),
        (skews: [day, -day, 0, -40 * day, 400 * day], hours: 24),
        // Too little to be noticed as a jump by anything that looks for one.
        (skews: [0, 20, -20, 45, 5], hours: 0),
    ])
    func `nothing depends on the client's wall clock`(skews: [Int], hours: Int) async throws {
        try await withRedisServer { server in
            let output = URL(filePath: server.directory).appending(path: "skew.txt")
            try Data().write(to: output)
            let process = Process()
            process.executableURL = try builtProgram("clock-skew")
            process.arguments = [server.url] + skews.map { "\($0)" }
            process.standardOutput = try FileHandle(forWritingTo: output)
            try process.run()
            defer { if process.isRunning { kill(process.processIdentifier, SIGKILL) } }
            try await eventually("it is done", within: .seconds(120)) { !process.isRunning }
            #expect(process.terminationStatus == 0)
            let lines = try String(contentsOf: output, encoding: .utf8).split(separator: "\n").map(String.init)
            // Without this the rest would prove nothing.
            #expect(lines.first == "off by \(hours)")
            #expect(Array(lines.dropFirst()) == Self.expected)
        }
    }
}
#endif
