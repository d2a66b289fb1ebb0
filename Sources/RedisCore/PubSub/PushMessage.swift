/// A pub/sub push as the server sends it, told apart without copying its payload.
enum PushMessage {
    case message
    case patternMessage
    case subscribed(SubscribedName)
    case unsubscribed(SubscribedName)
    case unknown

    init(_ reply: borrowing RedisReply) {
        guard reply.count >= 3, let kind = reply.element(0) else {
            self = .unknown
            return
        }
        let word = RedisReply(kind, reply.arena).rawBytes
        // Messages are by far the most frequent: one comparison each.
        switch word.count {
        case 7 where word.isWord("message"): self = .message
        case 8 where word.isWord("pmessage"): self = .patternMessage
        case 9 where word.isWord("subscribe"): self = .subscribed(Self.name(reply, .channel))
        case 10 where word.isWord("psubscribe"): self = .subscribed(Self.name(reply, .pattern))
        case 11 where word.isWord("unsubscribe"): self = .unsubscribed(Self.name(reply, .channel))
        case 12 where word.isWord("punsubscribe"): self = .unsubscribed(Self.name(reply, .pattern))
        default: self = .unknown
        }
    }

    private static func name(
        _ reply: borrowing RedisReply, _ kind: SubscribedName.Kind
    ) -> SubscribedName {
        SubscribedName(kind, reply.bytes(at: 1).map { String(decoding: $0, as: UTF8.self) } ?? "")
    }
}

extension RedisReply {
    /// The bytes of a string element, valid as long as the reply.
    func bytes(at index: Int) -> UnsafeRawBufferPointer? {
        element(index).map { RedisReply($0, arena).rawBytes }
    }
}

extension UnsafeRawBufferPointer {
    fileprivate func isWord(_ word: StaticString) -> Bool {
        elementsEqual(UnsafeBufferPointer(start: word.utf8Start, count: word.utf8CodeUnitCount))
    }
}
