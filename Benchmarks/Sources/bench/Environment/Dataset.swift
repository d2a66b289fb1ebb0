import CFloor

/// The bytes that every side of a case moves.
enum Dataset {
    static let key = "bench:{value}"
    static let size = 64
    static let value = String(repeating: "v", count: size)
    static let message = String(repeating: "m", count: 100)

    /// Whether a raw reply is the value that `key` holds.
    @inline(__always)
    static func isValue(_ reply: UnsafeMutableRawPointer?) -> Bool {
        guard let reply = reply?.assumingMemoryBound(to: redisReply.self) else { return false }
        return reply.pointee.type == REDIS_REPLY_STRING && reply.pointee.len == size
    }
}
