import Testing

@testable import worker

@Suite struct JSONParserTests {
    @Test(arguments: [
        ("null", "null"), (" [1, 2.50, -0, 1e+9 ] ", "[1,2.50,-0,1e+9]"),
        (#"{"b":true,"a":{}}"#, #"{"a":{},"b":true}"#),
        (#""ü\u00fc\n\ud83d\ude00\/""#, #""üü\n😀/""#), ("[]", "[]"), ("12345678901234567890", "12345678901234567890"),
        (#""\u0000""#, #""\u0000""#),
    ])
    func `a value is read and written without loss`(_ text: String, _ expected: String) throws {
        #expect(try JSONParser.parse(text).json == expected)
    }

    @Test(arguments: [
        ("", 1), ("{", 2), (#"{"a"}"#, 5), (#"{"a":1,}"#, 8), ("{a:1}", 2), ("[1,]", 4), ("[1 2]", 4), ("01", 2),
        ("1.", 3),
        ("-", 2), ("1e", 3), ("NaN", 1), ("nul", 1), ("tru", 1), ("\"a", 3), ("\"\t\"", 2), (#""\x""#, 4),
        (#""\ud800""#, 8), (#""\u12g4""#, 4), ("1 1", 3), ("'a'", 1), ("[1", 3), ("{\"a\":1", 7),
    ])
    func `a broken text names the byte where it breaks`(_ text: String, _ offset: Int) {
        #expect {
            _ = try JSONParser.parse(text)
        } throws: { error in
            (error as? JSONParser.Failure)?.offset == offset
        }
    }

    @Test func `bytes that are not UTF-8 are refused`() {
        #expect(throws: JSONParser.Failure.self) { try JSONParser.parse([0x22, 0xFF, 0x22]) }
    }

    @Test func `absurd nesting is refused and does not exhaust the stack`() {
        #expect(throws: JSONParser.Failure.self) { try JSONParser.parse(String(repeating: "[", count: 1_000_000)) }
        let deep = String(repeating: "[", count: 500) + String(repeating: "]", count: 500)
        #expect(throws: Never.self) { try JSONParser.parse(deep) }
    }
}
