import Foundation
import RedisCore
import Testing

@testable import EventBus

@Suite("JSON scanner")
struct JSONScannerTests {
    private func scan(_ text: String, maxDepth: Int = 512) -> JSONScanner.Fault? {
        let bytes = Array(text.utf8)
        var scanner = JSONScanner(maxDepth: maxDepth)
        do throws(JSONScanner.Fault) {
            try scanner.skipValue(bytes.span)
            try scanner.expectEnd(bytes.span)
            return nil
        } catch {
            return error
        }
    }

    @Test(arguments: [
        "0", "-0", "12", "-1.5", "1e5", "1E+05", "2.5e-3", "true", "false", "null", "\"\"", "\"a\"", "[]", "{}",
        " [ ] ", "[1,2 , 3]", #"{"a":1,"b":[true,{"c":null}]}"#, #""\"\\\/\b\f\n\r\t\u00e9\uD83D\uDE00""#,
        "\t{\n\"a\"\r: 1}\n", "\"é😀\"", "[[],{},[[]],[{}]]", #"{"":{"":""}}"#, #""\ud800""#,
    ])
    func `JSON is accepted`(_ text: String) {
        #expect(scan(text) == nil)
    }

    @Test(arguments: [
        ("", 0), ("tru", 3), ("nul1", 3), ("01", 1), ("-", 1), ("1.", 2), (".5", 0), ("1e", 2), ("+1", 0), ("NaN", 0),
        ("[1,]", 3), ("[1 2]", 3), ("[1", 2), ("[", 1), ("]", 0), (#"{"a"}"#, 4), (#"{"a":}"#, 5), (#"{"a":1,}"#, 7),
        ("{a:1}", 1), ("{1:1}", 1), (#"{"a":1 "b":2}"#, 7), ("[}", 1), (#"{"a":1]"#, 6), ("\"", 1), ("\"a", 2),
        ("\"\n\"", 1), (#""\x""#, 2), (#""\u12"#, 2), (#""\u12g4""#, 5), ("1 1", 2), ("{}{}", 2), ("'a'", 0),
        ("/**/1", 0),
        ("\u{FEFF}1", 0), ("\u{A0}1", 0),
    ])
    func `what is not JSON is refused at the place`(_ text: String, _ index: Int) {
        #expect(scan(text) == .malformed(at: index))
    }

    @Test(arguments: [1, 63, 64, 65, 127, 128, 129, 500, 512])
    func `nesting is allowed up to the limit and not beyond`(_ depth: Int) {
        #expect(scan(nested(depth), maxDepth: depth) == nil)
        #expect(scan(nested(depth + 1), maxDepth: depth) == .tooDeep)
    }

    @Test func `mixed containers must close in their order at any depth`() {
        let opened = String(repeating: #"[{"a":"#, count: 100)
        let closed = String(repeating: "}]", count: 100)
        #expect(scan(opened + "1" + closed) == nil)
        #expect(scan(opened + "1" + "]" + closed.dropFirst()) == .malformed(at: opened.utf8.count + 1))
    }

    @Test(arguments: [10_000, 10_000_000])
    func `ten thousand and ten million open brackets cost no stack`(_ depth: Int) {
        #expect(scan(String(repeating: "[", count: depth)) == .tooDeep)
        #expect(scan(String(repeating: #"{"a":"#, count: min(depth, 100_000))) == .tooDeep)
    }

    @Test func `it agrees with Foundation on ten thousand damaged texts`() throws {
        let seed = Array(#"{"a":[1,-2.5e3,true,null,"x\u00e9\n"],"b":{"c":"d"},"e":[[]]}"#.utf8)
        let alphabet = Array(#"{}[]",:\0123456789.eE+-truefalsn u"#.utf8)
        var generator = SplitMix(seed: 7)
        for _ in 0..<10_000 {
            var bytes = seed
            for _ in 0..<Int.random(in: 1...2, using: &generator) {
                let index = Int.random(in: 0..<bytes.count, using: &generator)
                switch Int.random(in: 0..<3, using: &generator) {
                case 0: bytes.remove(at: index)
                case 1: bytes.insert(alphabet.randomElement(using: &generator) ?? 0, at: index)
                default: bytes[index] = alphabet.randomElement(using: &generator) ?? 0
                }
            }
            let text = String(decoding: bytes, as: UTF8.self)
            // Foundation lets a comma stand before a closing bracket; RFC 8259 does not.
            if text.contains(/,\s*[\]}]/) { continue }
            let isJSON = (try? JSONSerialization.jsonObject(with: Data(bytes), options: .fragmentsAllowed)) != nil
            #expect((scan(text) == nil) == isJSON, "\(text)")
        }
    }
}
