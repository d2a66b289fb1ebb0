import Testing

@testable import RedisCore

@Suite struct `A page of SCAN` {
    private static func page(_ cursor: String, _ keys: [String]) -> RedisValue {
        .array([.bytes(Array(cursor.utf8)), .array(keys.map { .bytes(Array($0.utf8)) })])
    }

    @Test func `holds a cursor of 64 bits and keys`() throws {
        let page = try ScanPage(Self.page("18446744073709551615", ["a", "b"]))
        #expect(page.cursor == "18446744073709551615")
        #expect(page.keys == ["a", "b"])
    }

    @Test(arguments: [
        RedisValue.null, .array([]), .array([.bytes([48])]), page("x", []), page("-1", []), page("", []),
        page("18446744073709551616", []), .array([.bytes([48]), .null]), .array([.integer(0), .array([])]),
        .array([.bytes([48]), .array([.null])]), .array([.bytes([48]), .array([.bytes([0xFF])])]),
    ])
    func `of another shape is refused`(reply: RedisValue) {
        let error = #expect(throws: RedisError.self) { try ScanPage(reply) }
        #expect(error?.code == .decoding)
    }

    @Test func `gives no key twice, over all pages`() throws {
        var progress = ScanProgress()
        #expect(progress.nextKey() == nil)
        #expect(progress.cursor == "0")
        progress.read(try ScanPage(Self.page("7", ["a", "b", "a"])))
        #expect([progress.nextKey(), progress.nextKey(), progress.nextKey()] == ["a", "b", nil])
        #expect(progress.cursor == "7")
        progress.read(try ScanPage(Self.page("9", [])))
        #expect(progress.nextKey() == nil)
        progress.read(try ScanPage(Self.page("0", ["b", "c"])))
        #expect([progress.nextKey(), progress.nextKey()] == ["c", nil])
        #expect(progress.cursor == nil)
    }

    @Test func `tells keys apart by bytes, not by what they look like`() throws {
        var progress = ScanProgress()
        progress.read(try ScanPage(Self.page("0", ["caf\u{E9}", "cafe\u{301}"])))
        #expect(progress.nextKey()?.name.utf8.count == 5)
        #expect(progress.nextKey()?.name.utf8.count == 6)
    }
}
