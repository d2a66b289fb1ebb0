import Foundation
import TestSupport
import Testing

@testable import EventBus

@Suite("Channel patterns")
struct GlobPatternTests {
    @Test(arguments: [
        ("orders", "orders", true), ("orders", "order", false), ("*", "anything", true), ("*", "", false),
        ("", "", true),
        ("orders.*", "orders.eu", true), ("orders.*", "orders.", true), ("orders.*", "orders", false),
        ("*.placed", "order.placed", true), ("a*b*c", "a--b--b--c", true), ("a*b*c", "a--c--b", false),
        ("a**b", "ab", true),
        ("h?llo", "hello", true), ("h?llo", "hllo", false), ("h[ae]llo", "hallo", true), ("h[ae]llo", "hillo", false),
        ("h[^e]llo", "hallo", true), ("h[^e]llo", "hello", false), ("h[a-c]llo", "hbllo", true),
        ("h[c-a]llo", "hbllo", true), ("h[a-c]llo", "hdllo", false), ("h[a-]llo", "h-llo", false),
        (#"h\*llo"#, "h*llo", true), (#"h\*llo"#, "hello", false), (#"h[\]]llo"#, "h]llo", true),
        ("h[]llo", "h]llo", false),
        ("[abc", "b", true), ("[", "[", false), (#"\"#, #"\"#, true), (#"a\"#, "a\\", true), ("[^]", "a", true),
        ("[!a]", "!", true), ("Ä?", "Äb", true), ("?", "Ä", false),
    ])
    func `patterns match as in Redis`(_ pattern: String, _ name: String, _ expected: Bool) {
        #expect(GlobPattern(pattern).matches(name) == expected)
    }

    @Test func `a pattern of many stars takes no exponential time`() {
        let pattern = GlobPattern(String(repeating: "a*", count: 2_000) + "b")
        #expect(!pattern.matches(String(repeating: "a", count: 10_000)))
    }

    /// KEYS and PSUBSCRIBE share one function in the server.
    @Test func `random patterns match exactly what a real server matches`() async throws {
        try await withRedisServer { server in
            let alphabet = Array(#"ab-]*?[^\"#)
            let names = ["a", "b", "ab", "ba", "a-b", "]", "^", "[a]", #"a\b"#, "*", "aab", "-"]
            for name in names { try server("SET", name, "1") }
            for _ in 0..<4_000 {
                let pattern = String((0..<Int.random(in: 1...6)).map { _ in alphabet.randomElement() ?? "a" })
                let expected = Set(try server("KEYS", pattern).strings)
                let found = Set(names.filter(GlobPattern(pattern).matches))
                #expect(found == expected, "\(pattern)")
            }
        }
    }
}
