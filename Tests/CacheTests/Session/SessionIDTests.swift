import Testing

@testable import Cache

@Suite struct SessionIDTests {
    @Test func `ids are of 38 characters for cookies and never the same`() {
        let tag = SessionID.tag(user: "7", prefix: "app")
        let ids = (0..<2_000).map { _ in SessionID.make(tag: tag) }
        #expect(Set(ids).count == ids.count)
        #expect(ids.allSatisfy { $0.value.utf8.count == 38 && $0.reference?.tag == tag })
        #expect(Set(ids.compactMap(\.reference)).count == ids.count)
        // All 128 bits vary: each of the 22 places takes many characters; the last holds two bits.
        for place in 16..<37 {
            let seen = Set(ids.map { Array($0.value.utf8)[place] })
            #expect(seen.count == 64)
        }
        #expect(Set(ids.compactMap(\.value.last)).count == 4)
    }

    @Test func `a user's tag depends on user and prefix`() {
        let tags = [("7", "app"), ("7", "b"), ("77", "app"), (":7", "app"), ("", "app:7")].map {
            SessionID.tag(user: $0.0, prefix: $0.1)
        }
        #expect(Set(tags).count == tags.count)
        #expect(tags.allSatisfy { $0.utf8.count == 16 && Base64URL.isText($0.utf8) })
        #expect(SessionID.tag(user: "7", prefix: "app") == tags[0])
    }

    @Test(arguments: ["", "x", String(repeating: "x", count: 37), String(repeating: "é", count: 19)])
    func `what cannot be an id has no reference`(text: String) { #expect(SessionID(text).reference == nil) }

    @Test func `references are texts that come back, and no ids`() throws {
        let id = SessionID.make(tag: SessionID.tag(user: "7", prefix: ""))
        let reference = try #require(id.reference)
        #expect(SessionReference(reference.value) == reference)
        #expect("\(reference)" == reference.value && !reference.value.contains(id.value.suffix(22)))
        #expect(SessionID(reference.value).reference == nil)
        for text in ["", ".", "a.b", reference.value + "x", reference.value.replacing(".", with: ":")] {
            #expect(SessionReference(text) == nil)
        }
    }

    /// RFC 4648 §10, in the alphabet for URLs and without padding.
    @Test(arguments: [
        ("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foob", "Zm9vYg"), ("fooba", "Zm9vYmE"),
        ("foobar", "Zm9vYmFy"), ("\u{3}~?~", "A34_fg"),
    ])
    func `base64 for URLs`(text: String, encoded: String) { #expect(Base64URL.encode(text.utf8) == encoded) }
}
