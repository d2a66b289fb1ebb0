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

    @Test func `wherever it stands in a name of whatever length`() {
        let harmful = Set((0..<0x20).map { UInt8($0) } + [0x7F] + Array("{}%*?[]\\".utf8))
        for length in [1, 15, 16, 17, 31, 32, 33, 40] {
            for place in 0..<length {
                for byte in UInt8.min..<0x80 {
                    var bytes = [UInt8](repeating: UInt8(ascii: "x"), count: length)
                    bytes[place] = byte
                    let name = String(decoding: bytes, as: UTF8.self)
                    let isPlain = KeyText.escaped(name) == name
                    if isPlain == harmful.contains(byte) { Issue.record("byte \(byte) at \(place) of \(length)") }
                }
            }
        }
        let foreign = String(repeating: "\u{5B57}\u{1F600}", count: 9)
        #expect(KeyText.escaped(foreign) == foreign)
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
