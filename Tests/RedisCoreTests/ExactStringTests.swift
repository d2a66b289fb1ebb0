import Testing

@testable import RedisCore

@Suite struct ExactStringTests {
    private let composed = ExactString("caf\u{E9} and more than fits into a string's own words")
    private let decomposed = ExactString("cafe\u{301} and more than fits into a string's own words")

    @Test func `texts are equal when their bytes are`() {
        #expect(composed.text == decomposed.text)
        #expect(composed != decomposed)
        #expect(composed == ExactString(String(decoding: Array(composed.text.utf8), as: UTF8.self)))
        #expect(ExactString("") == "" && ExactString("") != "a" && ExactString("a") != "b")
        // As many bytes, and the same text to Unicode: two marks in the other order.
        let (one, other) = (ExactString("q\u{323}\u{307}"), ExactString("q\u{307}\u{323}"))
        #expect(one.text == other.text && one != other)
    }

    @Test func `equal texts are found again, others are not`() {
        var counts: [ExactString: Int] = [:]
        for text in [composed, decomposed, composed, "", "a"] { counts[text, default: 0] += 1 }
        #expect(counts == [composed: 2, decomposed: 1, "": 1, "a": 1])
    }

    @Test func `the order is that of the bytes`() {
        #expect([composed, "b", "", decomposed, "B"].sorted() == ["", "B", "b", decomposed, composed])
    }
}
