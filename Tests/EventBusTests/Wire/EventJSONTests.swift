import Foundation
import Testing

@testable import EventBus

@Suite("Payload coding")
struct EventJSONTests {
    private struct Visit: Codable, Equatable {
        var at: Date
        var path: String
    }

    @Test func `dates in payloads are RFC 3339 text in both directions`() throws {
        let visit = Visit(at: Date(timeIntervalSince1970: 1_763_715_184.25), path: "/a/b")
        let json = try EventJSON.encoder.encode(visit)
        #expect(String(decoding: json, as: UTF8.self).contains(#""at":"2025-11-21T08:53:04.250000Z""#))
        #expect(String(decoding: json, as: UTF8.self).contains(#""path":"/a/b""#))
        #expect(try EventJSON.decoder.decode(Visit.self, from: json) == visit)
        let fromGo = Data(#"{"at":"2025-11-21T15:53:04.25+07:00","path":"/a/b"}"#.utf8)
        #expect(try EventJSON.decoder.decode(Visit.self, from: fromGo) == visit)
    }

    @Test func `a date that is none is a decoding error`() {
        #expect(throws: DecodingError.self) {
            try EventJSON.decoder.decode(Visit.self, from: Data(#"{"at":"soon","path":""}"#.utf8))
        }
    }

    @Test func `a date beyond year 9999 is an encoding error`() {
        #expect(throws: EncodingError.self) {
            try EventJSON.encoder.encode(Visit(at: .distantFuture.addingTimeInterval(1e12), path: ""))
        }
    }

    @Test(arguments: ["", "plain", "quote\" back\\ slash/", "line\nfeed\u{0}\u{1F}\u{7F}", "é😀\u{2028}"])
    func `a string literal survives the way to text and back`(_ text: String) throws {
        var bytes: [UInt8] = []
        JSONString.append(text, to: &bytes)
        #expect(try JSONDecoder().decode(String.self, from: Data(bytes)) == text)
        #expect(JSONString.decode(1..<(bytes.count - 1), hasEscapes: true, in: bytes) == text)
    }

    @Test(arguments: [
        (#"\ud800"#, "\u{FFFD}"), (#"\udc00\ud800"#, "\u{FFFD}\u{FFFD}"), (#"\ud83d\ude00"#, "😀"),
        (#"\ud83dx"#, "\u{FFFD}x"),
        (#"\ud83d\u0041"#, "\u{FFFD}A"), (#"\b\f\n\r\t\/\"\\"#, "\u{8}\u{C}\n\r\t/\"\\"),
    ])
    func `escapes are read, half a surrogate pair as the replacement character`(_ text: String, _ expected: String) {
        let bytes = Array(text.utf8)
        #expect(JSONString.decode(0..<bytes.count, hasEscapes: true, in: bytes) == expected)
    }
}
