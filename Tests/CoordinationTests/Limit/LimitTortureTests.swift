import Foundation
import TestSupport
import Testing

@testable import Coordination

/// T6: sixteen processes use up one limit; what the server wrote down is checked against the promise.
@Suite(.serialized) struct LimitTortureTests {
    private static let limit = 40
    private static let window: Int64 = 200_000

    @Test(arguments: [("log", 40), ("buckets", 40), ("tokens", 80), ("fixed", 80)])
    func `sixteen processes are admitted as often as promised in every window`(
        name: String, worstCase: Int
    ) async throws {
        try await withRedisServer(.init(checksLeaks: true)) { server in
            let monitor = try server.connect(timeout: .seconds(60))
            try monitor("MONITOR")
            var times: [(begin: Int64, end: Int64)] = []
            var refused = 0
            // Once, unless the machine stood still for so long that they did not come to use the limit up.
            for _ in 0..<5 where times.count < 3 * Self.limit || refused == 0 {
                let fighters = try (0..<16).map { _ in
                    try LimitFighter([server.url, name, "\(Self.limit)", "\(Self.window / 1_000)", "1000"])
                }
                defer { for fighter in fighters { fighter.end() } }
                try await eventually("all are done", within: .seconds(120)) { fighters.allSatisfy { !$0.isRunning } }
                try server("ECHO", "that was all")
                let admitted = try Self.admissions(monitor)
                let counts = try fighters.map { try $0.counts() }
                let told = counts.reduce(0) { $0 + $1.admitted }
                #expect(told == admitted.count, "what callers were told is what was counted")
                refused += counts.reduce(0) { $0 + $1.refused }
                times += admitted
            }
            #expect(refused > 0)
            var most = 0
            for (index, time) in times.enumerated() {
                most = max(most, times[index...].prefix { $0.end < time.begin + Self.window }.count)
            }
            #expect(most <= worstCase, "in the fullest window")
            #expect(times.count >= 3 * Self.limit, "the limit is used up again and again")
        }
    }

    /// When the server began a script that admitted a call, and when it wrote that down, in µs.
    ///
    /// The script read its time in between, also when the server was kept from going on for a while.
    private static func admissions(_ monitor: RespClient) throws -> [(begin: Int64, end: Int64)] {
        var times: [(begin: Int64, end: Int64)] = []
        var begin: Int64 = 0
        while let line = try monitor.receive().string, !line.contains("that was all") {
            let isWrite = line.contains(" lua] \"RPUSH\"") || line.contains(" lua] \"SET\"")
            guard isWrite || line.contains("] \"EVAL") else { continue }
            let stamp = try #require(Int64(line.prefix { $0 != " " }.replacing(".", with: "")))
            if isWrite { times.append((begin, stamp)) } else { begin = stamp }
        }
        return times
    }
}

/// A `limit-torture` process.
private final class LimitFighter: Sendable {
    private let process = Process()
    private let output = Pipe()

    init(_ arguments: [String]) throws {
        process.executableURL = try builtProgram("limit-torture")
        process.arguments = arguments
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        try process.run()
    }

    var isRunning: Bool { process.isRunning }

    /// What it printed at its end.
    func counts() throws -> (admitted: Int, refused: Int) {
        let text = String(decoding: try output.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
        let numbers = text.split(whereSeparator: \.isWhitespace).compactMap { Int($0) }
        guard process.terminationStatus == 0, numbers.count == 2 else {
            throw TestTimeout("limit-torture ended with \(process.terminationStatus): \(text)")
        }
        return (numbers[0], numbers[1])
    }

    func end() {
        if process.isRunning { process.terminate() }
        process.waitUntilExit()
    }
}
