import Foundation
import TestSupport
import Testing

@testable import Coordination

/// T6: sixteen processes use up one limit; what the server wrote down is checked against the promise.
@Suite(.serialized) struct LimitTortureTests {
    private static let limit = 40
    private static let window: Int64 = 200_000
    /// MONITOR's time is a little later than the script's; a log has the script's own time in its entries.
    private static let lag: Int64 = 2_000

    @Test(arguments: [("log", 40), ("buckets", 40), ("tokens", 80), ("fixed", 80)])
    func `sixteen processes are admitted as often as promised in every window`(
        name: String, worstCase: Int
    ) async throws {
        try await withRedisServer(.init(checksLeaks: true)) { server in
            let monitor = try server.connect(timeout: .seconds(60))
            try monitor("MONITOR")
            let fighters = try (0..<16).map { _ in
                try LimitFighter([server.url, name, "\(Self.limit)", "\(Self.window / 1_000)", "1000"])
            }
            defer { for fighter in fighters { fighter.end() } }
            try await eventually("all are done", within: .seconds(60)) { fighters.allSatisfy { !$0.isRunning } }
            try server("ECHO", "that was all")
            let times = try Self.admissions(monitor)
            let counts = try fighters.map { try $0.counts() }
            #expect(counts.reduce(0) { $0 + $1.admitted } == times.count, "what callers were told is what was counted")
            #expect(counts.allSatisfy { $0.refused > 0 })
            var most = 0
            for (index, time) in times.enumerated() {
                let end = time + Self.window - (name == "log" ? 0 : Self.lag)
                most = max(most, times[index...].prefix { $0 < end }.count)
            }
            #expect(most <= worstCase, "in the fullest window")
            #expect(times.count >= 3 * Self.limit, "the limit is used up again and again")
        }
    }

    /// The server's times in µs of what it wrote: one line for each admitted call.
    private static func admissions(_ monitor: RespClient) throws -> [Int64] {
        var times: [Int64] = []
        while let line = try monitor.receive().string, !line.contains("that was all") {
            let words = line.split(separator: " ")
            if line.contains(" lua] \"RPUSH\"") {
                let numbers = words.compactMap { Int64($0.dropFirst().dropLast()) }
                times.append(try #require(numbers.first { $0 > 1_000_000_000_000_000 }))
            } else if line.contains(" lua] \"SET\"") {
                times.append(try #require(Int64(words[0].replacing(".", with: ""))))
            }
        }
        return times
    }
}

/// A `limit-torture` process.
private final class LimitFighter: Sendable {
    private let process = Process()
    private let output = Pipe()

    init(_ arguments: [String]) throws {
        process.executableURL = try Fighter.executable("limit-torture")
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
