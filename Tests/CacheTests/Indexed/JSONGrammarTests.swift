import Testing

@testable import Cache

@Suite struct JSONGrammarTests {
    @Test(arguments: [
        "0", "-0", "-12.50e+3", "1E9", "true", "false", "null", "\"\"", #""\"\\\/\b\f\n\r\t\u00e9""#, "\"é\u{1F600}\"",
        "[]", "{}", " [ ] ", "\t{ }\r\n", "[1,[2,{}],\"x\"]",
        #"{"a":{"b":[null]},"":0}"#, #" { "a" : 1 , "a" : [ ] } "#,
    ])
    func `what is JSON is accepted`(text: String) { #expect(JSONGrammar.accepts(Array(text.utf8))) }

    @Test(arguments: [
        "", " ", "1,", "1,\"id\":2", "1 2", "[]{}", "01", "-", "1.", ".5", "1e", "+1", "1-2", "NaN", "tru", "truex",
        "True", "'a'", "\"a", "\"\\", "\"\\x\"", "\"\\u12g4\"", "\"\n\"", "[", "[1", "[1,]", "[,1]", "[1}", "]", "{",
        "{\"a\"}",
        "{\"a\":}", "{\"a\":1,}", "{,}", "{a:1}", "{1:2}", "{\"a\":1]", "{\"a\":1}}", "// x\n1", "\u{FEFF}1", "1\0",
        "1\u{A0}",
    ])
    func `what is no JSON is refused`(text: String) { #expect(!JSONGrammar.accepts(Array(text.utf8))) }

    @Test func `bytes that are no UTF-8 are refused`() {
        #expect(!JSONGrammar.accepts([0x22, 0xFF, 0x22]))
        // "1" in UTF-16.
        #expect(!JSONGrammar.accepts([0x31, 0x00]))
    }

    @Test func `nesting is accepted to its limit, and does not exhaust the stack`() {
        func nested(_ levels: Int) -> [UInt8] {
            Array(repeating: UInt8(ascii: "["), count: levels) + Array(repeating: UInt8(ascii: "]"), count: levels)
        }
        #expect(JSONGrammar.accepts(nested(JSONGrammar.deepest)))
        #expect(!JSONGrammar.accepts(nested(JSONGrammar.deepest + 1)))
        #expect(!JSONGrammar.accepts(nested(1_000_000)))
    }
}
