extension SHA256 {
    /// HMAC (RFC 2104) with SHA-256: 32 bytes that only who has the key can make of a message.
    package static func authenticationCode(_ key: [UInt8], _ message: [UInt8]) -> [UInt8] {
        let key = key.count > 64 ? hash(key) : key
        let block = key + Array(repeating: 0, count: 64 - key.count)
        return hash(block.map { $0 ^ 0x5c } + hash(block.map { $0 ^ 0x36 } + message))
    }

    private static func hash(_ bytes: [UInt8]) -> [UInt8] {
        var hash = SHA256()
        hash.update(bytes)
        return hash.digest()
    }
}
