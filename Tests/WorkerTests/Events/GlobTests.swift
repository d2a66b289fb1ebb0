import Testing

@testable import worker

@Suite struct GlobTests {
    @Test(arguments: [
        ("order.placed", "order.placed", true), ("order.placed", "order.place", false), ("order.*", "order.", true),
        ("order.*", "order.x.y", true), ("*", "", true), ("*", "x", true), ("", "", true), ("", "x", false),
        ("a?c", "abc", true), ("a?c", "ac", false), ("*.created", "user.created", true),
        ("*.created", "user.created.x", false), ("a*b*c", "a-b-b-c", true), ("a*b*c", "a-c", false),
        ("[ab]x", "bx", true), ("[^ab]x", "bx", false), ("[a-c]1", "b1", true), ("[c-a]1", "b1", true),
        ("[a-c]1", "d1", false), ("[a\\]]", "]", true), ("[a", "a", true), ("\\*", "*", true), ("\\*", "x", false),
        ("ü*", "über", true), ("a**b", "ab", true), ("h[a", "h", false), ("\\", "\\", true),
    ])
    func `a glob matches as Redis matches`(_ pattern: String, _ text: String, _ expected: Bool) {
        #expect(Glob(pattern).matches(text) == expected)
    }

    @Test func `many stars on a long text end soon`() {
        let text = String(repeating: "a", count: 20_000)
        #expect(!Glob(String(repeating: "a*", count: 30) + "b").matches(text))
    }

    @Test(arguments: [("orders", false), ("orders.*", true), ("o[r]", true), ("a?", true), ("a\\*", true)])
    func `a name with a glob character is a pattern`(_ name: String, _ expected: Bool) {
        #expect(Glob.isPattern(name) == expected)
    }
}
