import RedisCore

/// Digits at random, and the digest under which they are stored.
enum OneTimeCodeText {
    /// `length` digits, each text as likely as any other.
    ///
    /// The remainder of a random word would prefer small numbers; words beyond the last whole multiple are drawn again.
    static func digits(_ length: Int, _ next: () -> UInt64) -> String {
        let count = (0..<length).reduce(UInt64(1)) { power, _ in power * 10 }
        let limit = UInt64.max - UInt64.max % count
        var word = next()
        while word >= limit { word = next() }
        let text = String(word % count)
        return String(repeating: "0", count: length - text.utf8.count) + text
    }

    /// What is stored of a code: 128 bits of an HMAC-SHA-256 over whose it is, what for, and the digits.
    static func digest(_ code: String, id: String, purpose: String?, key: String) -> String {
        var message: [UInt8] = []
        // With lengths before them, no two lists of parts have the same bytes.
        for part in [id, purpose ?? "", code] { message += Array("\(part.utf8.count):\(part)".utf8) }
        return Base64URL.encode(SHA256.authenticationCode(Array(key.utf8), message).prefix(16))
    }
}
