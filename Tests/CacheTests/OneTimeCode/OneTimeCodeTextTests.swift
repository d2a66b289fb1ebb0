import RedisCore
import Testing

@testable import Cache

@Suite struct OneTimeCodeTextTests {
    @Test func `codes have their length, with zeros in front`() {
        #expect(OneTimeCodeText.digits(6) { 42 } == "000042")
        #expect(OneTimeCodeText.digits(4) { 123_456 } == "3456")
        #expect(OneTimeCodeText.digits(10) { 9_999_999_999 } == "9999999999")
    }

    @Test func `words that would prefer small codes are drawn again`() {
        // The last whole multiple of a million below 2^64 ends at …709000000.
        var words: [UInt64] = [7, 18_446_744_073_708_999_999, 18_446_744_073_709_000_000, .max]
        #expect(OneTimeCodeText.digits(6) { words.removeLast() } == "999999")
        #expect(words == [7])
    }

    @Test func `all digits are as frequent`() {
        var random = SplitMix(seed: 7)
        var counts = [Int](repeating: 0, count: 10)
        for _ in 0..<20_000 {
            for digit in OneTimeCodeText.digits(5, { random.next() }).utf8 { counts[Int(digit) - 48] += 1 }
        }
        // 100,000 digits; six standard deviations are 570.
        #expect(counts.allSatisfy { abs($0 - 10_000) < 570 })
    }

    /// RFC 4231, test cases 1, 2 and 6.
    @Test(arguments: [
        (
            [UInt8](repeating: 0x0b, count: 20), "Hi There",
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
        ),
        (
            Array("Jefe".utf8), "what do ya want for nothing?",
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        ),
        (
            [UInt8](repeating: 0xaa, count: 131), "Test Using Larger Than Block-Size Key - Hash Key First",
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
        ),
    ])
    func `the standard's examples of HMAC`(key: [UInt8], message: String, digest: String) {
        let bytes = SHA256.authenticationCode(key, Array(message.utf8))
        let text = bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        #expect(text == digest)
    }

    @Test func `what differs in any part has another digest`() {
        let digests = [
            OneTimeCodeText.digest("1234", id: "a", purpose: nil, key: ""),
            OneTimeCodeText.digest("1235", id: "a", purpose: nil, key: ""),
            OneTimeCodeText.digest("1234", id: "b", purpose: nil, key: ""),
            OneTimeCodeText.digest("1234", id: "a", purpose: "b", key: ""),
            OneTimeCodeText.digest("1234", id: "a", purpose: nil, key: "k"),
            OneTimeCodeText.digest("234", id: "a", purpose: "1", key: ""),
        ]
        #expect(Set(digests).count == digests.count)
        #expect(digests.allSatisfy { $0.utf8.count == 22 })
    }
}
