import RedisCore
import TestSupport
import Testing

@testable import Cache

@Suite struct CachePatternTests {
    @Test func `source text is glob, values match themselves`() {
        let id = "a*[b]?\\"
        let pattern: CachePattern = "user:\(id):*"
        #expect(pattern.description == "user:a%2A%5Bb%5D%3F%5C:*")
        #expect(pattern.matches("user:a*[b]?\\:profile"))
        #expect(!pattern.matches("user:aXbY:profile"))
        #expect(!pattern.matches("user:ab:profile"))
    }

    @Test func `numbers, identifiers and patterns can be interpolated`() {
        let numbers: CachePattern = "[0-9]*"
        #expect(("user:\(7):\(numbers)" as CachePattern).description == "user:7:[0-9]*")
        #expect(CachePattern.exactly("*").description == "%2A")
        #expect(CachePattern.prefix("a*").description == "a%2A*")
        #expect(CachePattern.all.description == "*")
    }

    @Test func `a backslash takes the next character as it is, at the end it is one`() {
        #expect(("a\\*b" as CachePattern).description == "a%2Ab")
        #expect(("a\\b" as CachePattern).description == "ab")
        #expect(("a\\" as CachePattern).description == "a%5C")
        let value = "*"
        #expect(("a\\\(value)" as CachePattern).description == "a%5C%2A", "the value is no part of the escape")
    }

    @Test func `a value cannot become a member of a class`() {
        let value = "a-z"
        #expect(("x[\(value)]" as CachePattern).description == "x%5Ba-z%5D")
    }

    @Test(
        arguments: [
            ("[abc]", "[a-c]"), ("[^a]", "[^a]"), ("[c-a]", "[a-c]"), ("[a-]", "[\\-a]"), ("[-a]", "[\\-a]"),
            ("[a\\-c]", "[\\-ac]"), ("[a^]", "[\\^a]"), ("[]", "[]"), ("[^]", "?"), ("[é]", "[]"), ("[^é]", "?"),
            ("[a", "%5Ba"), ("a]", "a%5D"), ("[*]", "[]"), ("**", "*"), ("{a}%", "%7Ba%7D%25"), ("\u{1}é", "%01é"),
        ])
    func `odd patterns have one reading`(_ text: String, _ expected: String) {
        #expect(CachePattern(glob: text).description == expected)
    }

    @Test func `a run of any length is matched without going wild`() {
        let pattern = CachePattern(glob: String(repeating: "a*", count: 40) + "b")
        #expect(!pattern.matches(String(repeating: "a", count: 1_000)))
        #expect(pattern.matches(String(repeating: "a", count: 1_000) + "b"))
    }

    @Test(arguments: 1...8)
    func `Redis and this package read every pattern alike`(_ seed: UInt64) async throws {
        try await withRedis { _, redis in
            var random = SplitMix(seed: seed)
            let letters = ["a", "b", "c", "-", "^", ":", "é", "*", "[", "]", "?", "\\", "%", "{", "Z"]
            func text(_ most: Int) -> String {
                (0..<Int.random(in: 1...most, using: &random)).map { _ in letters.randomElement(using: &random) ?? "" }
                    .joined()
            }
            let keys = CacheKeys(prefix: "p[*]", database: 0)
            let names = Set((0..<300).map { _ in text(5) })
            for name in names {
                let entry = try keys.entry(name, operation: "test")
                _ = try await redis.command(
                    RedisCommand("SET", entry, "1", "EX", 600), as: String.self)
            }
            for _ in 0..<60 {
                let pattern = CachePattern(glob: text(6))
                var found: Set<String> = []
                for try await key in redis.scan(match: keys.matching(pattern)) {
                    if let name = keys.name(of: key) { found.insert(name) }
                }
                #expect(found == names.filter { pattern.matches($0) }, "\(pattern)")
            }
        }
    }
}
