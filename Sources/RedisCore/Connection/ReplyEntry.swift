/// Whom the next reply, or the next few, belong to.
///
/// Only trivial fields: entries move through rings without reference counting. The waiting side lies behind `token`,
/// which exactly one of `handler.received` (for the last reply) and `handler.failed` consumes.
struct ReplyEntry: Sendable {
    let id: UInt64
    var handler: any ReplyHandler.Type
    let token: UInt
    /// Milliseconds on the loop's clock.
    var deadline: UInt64
    var repliesLeft: Int32
}

/// Knows what hides behind an entry's token.
protocol ReplyHandler: SendableMetatype {
    /// One reply; `isLast` says that the entry is complete and the token used up.
    static func received(_ token: UInt, _ reply: borrowing RedisReply, _ context: ReplyContext, isLast: Bool)
    /// No reply will come; the token is used up.
    static func failed(_ token: UInt, _ error: RedisError)
}

/// What an error text needs from the connection.
struct ReplyContext {
    let address: String
}

/// Takes the place of a handler whose caller has gone: the reply, when it comes, is dropped.
enum AbandonedReply: ReplyHandler {
    static func received(_ token: UInt, _ reply: borrowing RedisReply, _ context: ReplyContext, isLast: Bool) {}
    static func failed(_ token: UInt, _ error: RedisError) {}
}

/// Decodes one reply into one type. Concrete sinks let hot commands avoid generic code at run time.
protocol ReplySink: SendableMetatype {
    associatedtype Output: Sendable
    static func decode(_ reply: borrowing RedisReply) throws(RedisError) -> Output
}

/// The sink of any public decodable type.
enum Decoded<Output: RedisDecodable>: ReplySink {
    static func decode(_ reply: borrowing RedisReply) throws(RedisError) -> Output { try Output.decode(reply) }
}

/// The reply as it came.
enum AnyReply: ReplySink {
    static func decode(_ reply: borrowing RedisReply) throws(RedisError) -> RedisValue { RedisValue(reply) }
}

/// A bulk string or null.
enum OptionalBytes: ReplySink {
    static func decode(_ reply: borrowing RedisReply) throws(RedisError) -> [UInt8]? {
        switch reply.kind {
        case .bytes: reply.bytes
        case .null: nil
        default: throw reply.mismatch([UInt8]?.self)
        }
    }
}

/// An integer.
enum IntegerReply: ReplySink {
    static func decode(_ reply: borrowing RedisReply) throws(RedisError) -> Int64 {
        guard let value = reply.integer else { throw reply.mismatch(Int64.self) }
        return value
    }
}

/// One reply for one suspended caller; the token is its continuation.
enum SingleReply<Sink: ReplySink>: ReplyHandler {
    typealias Continuation = UnsafeContinuation<Result<Sink.Output, RedisError>, Never>

    static func token(_ continuation: Continuation) -> UInt { unsafeBitCast(continuation, to: UInt.self) }

    static func received(_ token: UInt, _ reply: borrowing RedisReply, _ context: ReplyContext, isLast: Bool) {
        let continuation = unsafeBitCast(token, to: Continuation.self)
        if reply.kind == .error {
            let error = RedisError(serverReply: reply.text, operation: "reply", address: context.address)
            return continuation.resume(returning: .failure(error))
        }
        do {
            continuation.resume(returning: .success(try Sink.decode(reply)))
        } catch {
            continuation.resume(returning: .failure(error))
        }
    }

    static func failed(_ token: UInt, _ error: RedisError) {
        unsafeBitCast(token, to: Continuation.self).resume(returning: .failure(error))
    }
}
