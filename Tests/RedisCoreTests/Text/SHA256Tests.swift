import Testing

@testable import RedisCore

/// The examples of FIPS 180-4 and of NIST's SHAVS.
@Suite struct SHA256Tests {
    private func hash(_ text: String) -> String {
        var hash = SHA256()
        hash.update(text.utf8)
        return hash.hexDigest()
    }

    @Test(arguments: [
        ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
        ),
        (
            "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
            "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"
        ),
        (
            String(repeating: "a", count: 1_000),
            "41edece42d63e8d9bf515a9ba6932e1c20cbc9f5a5d134645adb5db1b9737ea3"
        ),
    ])
    func `the standard's examples`(text: String, digest: String) { #expect(hash(text) == digest) }

    @Test func `the pieces in which it comes do not matter`() {
        var hash = SHA256()
        for piece in [0..<1, 1..<63, 63..<64, 64..<200] { hash.update(piece.map { UInt8(truncatingIfNeeded: $0) }) }
        var whole = SHA256()
        whole.update((0..<200).map { UInt8(truncatingIfNeeded: $0) })
        #expect(hash.hexDigest() == whole.hexDigest())
    }

    @Test func `bytes and digits are the same hash`() {
        var hash = SHA256()
        hash.update("abc".utf8)
        let bytes = hash.digest()
        #expect(bytes.count == 32 && bytes[0] == 0xba && bytes[31] == 0xad)
    }
}
