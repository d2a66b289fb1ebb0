import Testing

@testable import RedisCore

@Suite struct KeyTextTests {
    @Test func `exactly the bytes that could do harm are escaped, and come back`() {
        let harmful = Set((0..<0x20).map { UInt8($0) } + [0x7F] + Array("{}%*?[]\\".utf8))
        for byte in UInt8.min..<0x80 {
            let name = "a" + String(UnicodeScalar(byte)) + "z"
            let escaped = KeyText.escaped(name)
            #expect((escaped != name) == harmful.contains(byte), "byte \(byte)")
            #expect(escaped.utf8.allSatisfy { $0 == UInt8(ascii: "%") || !harmful.contains($0) })
            #expect(KeyText.unescaped(escaped) == name)
        }
        #expect(KeyText.escaped("é:ü/😀") == "é:ü/😀")
        #expect(KeyText.escaped("a\u{7F}") == "a%7F")
    }

    @Test func `a segment has no colon`() {
        #expect(KeyText.segment("a:b%") == "a%3Ab%25")
        #expect(KeyText.segment("a-b") == "a-b")
    }

    @Test func `several are escaped as each is`() {
        #expect(KeyText.escaped(["a", "b"]) == ["a", "b"])
        #expect(KeyText.escaped(["a", "{b}", "c"]) == ["a", "%7Bb%7D", "c"])
        #expect(KeyText.escaped([String]()).isEmpty)
    }
}
