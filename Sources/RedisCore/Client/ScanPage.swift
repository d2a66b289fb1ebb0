/// One reply to SCAN: where to go on, and some keys.
struct ScanPage {
    /// An unsigned 64-bit number that only the server understands.
    let cursor: String
    let keys: [RedisKey]

    /// The cursor that starts an iteration and, in a reply, ends it.
    static let start = "0"

    init(_ reply: RedisValue) throws(RedisError) {
        guard case .array(let parts) = reply, parts.count == 2, case .bytes(let cursor) = parts[0],
            case .array(let names) = parts[1]
        else {
            throw Self.undecodable("the reply is not a cursor and a list of keys")
        }
        guard let number = UInt64(String(decoding: cursor, as: UTF8.self)) else {
            throw Self.undecodable("the reply's cursor is not an unsigned number")
        }
        self.cursor = String(number)
        var keys: [RedisKey] = []
        keys.reserveCapacity(names.count)
        for name in names {
            guard case .bytes(let bytes) = name else { throw Self.undecodable("a key is not a bulk string") }
            guard let text = String(validating: bytes, as: UTF8.self) else {
                throw Self.undecodable(
                    "a key is not UTF-8; narrow the pattern, or send SCAN as a command for its bytes")
            }
            keys.append(RedisKey(text))
        }
        self.keys = keys
    }

    private static func undecodable(_ message: String) -> RedisError {
        RedisError(.decoding, operation: "SCAN", message: message)
    }
}
