import RedisCore
import Testing

@Suite struct `A glob pattern` {
    @Test(arguments: [
        ("", ""), ("user:7", "user:7"), ("a*b?c[d]e\\f", "a\\*b\\?c\\[d\\]e\\\\f"), ("^-{}", "^-{}"),
        ("grüße", "grüße"),
        ("*\u{301}", "\\*\u{301}"),
    ])
    func `made from a text matches that text only`(text: String, pattern: String) {
        #expect(Array(RedisGlob.escape(text).unicodeScalars) == Array(pattern.unicodeScalars))
    }
}
