import Testing

@testable import worker

@Suite struct LineSplitterTests {
    private func lines(_ chunks: String..., limits: LineSplitter.Limits = .init()) -> [String] {
        var splitter = LineSplitter(limits: limits)
        return chunks.flatMap { splitter.append($0.utf8) } + splitter.finish()
    }

    @Test func `lines are cut at their ends wherever the chunks are`() {
        #expect(lines("a\nb", "c\r\n", "\n", "ü\nend") == ["a", "bc", "", "ü", "end"])
        #expect(lines() == [])
        #expect(lines("\n") == [""])
    }

    @Test func `a character that spans two chunks stays whole`() {
        var splitter = LineSplitter()
        let bytes = Array("é\n".utf8)
        #expect(splitter.append(bytes[..<1]).isEmpty)
        #expect(splitter.append(bytes[1...]) == ["é"])
    }

    @Test func `a long line is cut and says by how much`() {
        let found = lines("0123456789\nab\n", limits: .init(line: 4, total: 100))
        #expect(found == ["0123… (6 more bytes in this line)", "ab"])
    }

    @Test func `output beyond the total is counted and not kept`() {
        let found = lines("aaaa\nbbbb\ncccc\n\n\ndddd", limits: .init(line: 10, total: 6))
        #expect(found == ["aaaa", "bb", "… output limit of 6 bytes reached, 10 more not shown"])
    }

    @Test func `bytes that are not UTF-8 are repaired`() {
        var splitter = LineSplitter()
        #expect(splitter.append([0x61, 0xFF, 0x0A]) == ["a\u{FFFD}"])
    }
}

@Suite struct LogTextTests {
    @Test(arguments: [
        ("plain\ttext ü", "plain\ttext ü"), ("\u{1B}[31mred", "\\x1B[31mred"), ("a\nb", "a\\x0Ab"),
        ("\u{9B}1m", "\\x9B1m"),
    ])
    func `control characters become visible`(_ text: String, _ expected: String) {
        #expect(LogText.clean(text) == expected)
    }
}
