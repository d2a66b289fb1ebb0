import Foundation
import Testing

@testable import worker

@Suite struct LineReaderTests {
    private func lines(_ text: String, maxLine: Int = 100) throws -> [LineReader.Line] {
        let reader = LineReader(bytes: Array(text.utf8))
        var lines: [LineReader.Line] = []
        while let line = try reader.next(maxLine: maxLine) { lines.append(line) }
        return lines
    }

    @Test func `lines keep their numbers and blank ones are passed over`() throws {
        let found = try lines("a\n\n  \nb\r\nc")
        #expect(found.map(\.number) == [1, 4, 5])
        #expect(found.map { String(decoding: $0.bytes, as: UTF8.self) } == ["a", "b", "c"])
        #expect(try lines("").isEmpty)
    }

    @Test func `a line beyond the limit is marked, and the next one is read`() throws {
        let found = try lines("0123456789\nab\n", maxLine: 4)
        #expect(found.map(\.isTooLong) == [true, false])
        #expect(found.map(\.number) == [1, 2])
    }

    @Test func `a file is read across chunks, and a huge line costs no memory`() throws {
        let path = NSTemporaryDirectory() + "lines-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: path) }
        let long = String(repeating: "x", count: 300_000)
        try "first\n\(long)\nlast".write(toFile: path, atomically: false, encoding: .utf8)
        let reader = try LineReader(path: path)
        #expect(reader.size == 6 + 300_001 + 4)
        var found: [LineReader.Line] = []
        while let line = try reader.next(maxLine: 1_000) { found.append(line) }
        #expect(found.map(\.number) == [1, 2, 3])
        #expect(found.map(\.isTooLong) == [false, true, false])
        #expect(found.last.map { String(decoding: $0.bytes, as: UTF8.self) } == "last")
        let whole = try LineReader(path: path)
        _ = try whole.next()
        #expect(try whole.next()?.bytes.count == 300_000)
    }

    @Test func `a file that is not there is a usage error with its name`() {
        #expect {
            _ = try LineReader(path: "/nowhere/x.ndjson")
        } throws: { error in
            (error as? Failure)?.status == .usage && (error as? Failure)?.message.contains("/nowhere/x.ndjson") == true
        }
    }
}

@Suite struct PublishRateTests {
    @Test func `events are due evenly`() throws {
        let rate = try #require(PublishRate(argument: "200/s"))
        #expect(rate.due(0) == .zero)
        #expect(rate.due(100) == .milliseconds(500))
        #expect(rate.batch == 10)
        #expect(PublishRate(argument: "30/m")?.due(1) == .seconds(2))
        #expect(PublishRate(argument: "30/m")?.batch == 1)
        #expect(PublishRate(argument: "1000000/s")?.batch == 100)
    }

    @Test(arguments: ["", "5", "0/s", "-1/s", "5/h", "5/s/s", "x/s", "1.5/s", " 5/s", "99999999999999999999/s"])
    func `anything else is no rate`(_ text: String) {
        #expect(PublishRate(argument: text) == nil)
    }
}

@Suite struct ProgressBarTests {
    @Test func `the bar fits the terminal`() {
        var progress = EventFilePublisher.Progress()
        (progress.published, progress.bytes, progress.broken) = (500, 50, 2)
        let line = ProgressBar.line(progress, size: 100, elapsed: .seconds(2), width: 80)
        #expect(line.hasSuffix("50 % 500 events, 250/s, 2 broken"))
        #expect(line.count <= 80)
        #expect(ProgressBar.line(progress, size: nil, elapsed: .seconds(2), width: 80) == "500 events, 250/s, 2 broken")
        #expect(ProgressBar.line(progress, size: 100, elapsed: .zero, width: 10).contains("50 %"))
    }
}
