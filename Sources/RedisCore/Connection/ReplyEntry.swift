/// Whom the next reply, or the next few, belong to.
///
/// Only trivial fields: entries move through rings without reference counting. The waiting side lies behind `token`,
/// which exactly one of `handler.received` (for the last reply) and `handler.failed` consumes.
struct ReplyEntry: Sendable {
    /// Names the entry for cancellation; 0 while nobody can cancel it.
    var id: UInt64
    var handler: any ReplyHandler.Type
    var token: UInt
    /// Milliseconds on the loop's clock.
    var deadline: UInt64
    var repliesLeft: Int32
    /// Set by the first sweep that finds the entry; the second parks it.
    var wasSwept = false
}

/// Knows what hides behind an entry's token.
protocol ReplyHandler: SendableMetatype {
    /// One reply; `isLast` says that the entry is complete and the token used up.
    static func received(_ token: UInt, _ reply: borrowing RedisReply, _ context: ReplyContext, isLast: Bool)
    /// No reply will come; the token is used up.
    static func failed(_ token: UInt, _ error: RedisError)
    /// The reply is late: what completes the entry from now on, or nil to leave it as it is.
    static func park(_ token: UInt, _ id: UInt64) -> (handler: any ReplyHandler.Type, token: UInt)?
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

/// Decodes one reply into one type.
///
/// Concrete sinks let hot commands avoid generic code at run time.
protocol ReplySink: SendableMetatype {
    associatedtype Output: Sendable
    /// Completes entries of this sink: a concrete type for hot sinks, `SingleReply<Self>` for the others.
    static var handler: any ReplyHandler.Type { get }
    static func decode(_ reply: borrowing RedisReply) throws(RedisError) -> Output
}

/// The sink of any public decodable type.
enum Decoded<Output: RedisDecodable>: ReplySink {
    static var handler: any ReplyHandler.Type { SingleReply<Self>.self }
    static func decode(_ reply: borrowing RedisReply) throws(RedisError) -> Output { try Output.decode(reply) }
}

/// The reply as it came.
enum AnyReply: ReplySink {
    static var handler: any ReplyHandler.Type { Handler.self }

    enum Handler: SingleReplyHandler { typealias Sink = AnyReply }
    static func decode(_ reply: borrowing RedisReply) throws(RedisError) -> RedisValue { RedisValue(reply) }
}

/// A bulk string or null.
enum OptionalBytes: ReplySink {
    static var handler: any ReplyHandler.Type { Handler.self }

    enum Handler: SingleReplyHandler { typealias Sink = OptionalBytes }
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
    static var handler: any ReplyHandler.Type { Handler.self }

    enum Handler: SingleReplyHandler { typealias Sink = IntegerReply }
    static func decode(_ reply: borrowing RedisReply) throws(RedisError) -> Int64 {
        guard let value = reply.integer else { throw reply.mismatch(Int64.self) }
        return value
    }
}

/// One reply for one suspended caller; the token is its continuation.
protocol SingleReplyHandler: ReplyHandler {
    associatedtype Sink: ReplySink
}

/// The handler of sinks that are generic themselves.
enum SingleReply<Sink: ReplySink>: SingleReplyHandler {}

extension ReplySink {
    typealias Continuation = UnsafeContinuation<Result<Output, RedisError>, Never>

    @inline(__always)
    static func token(_ continuation: Continuation) -> UInt { unsafeBitCast(continuation, to: UInt.self) }

    @inline(__always)
    static func result(_ reply: borrowing RedisReply, _ context: ReplyContext) -> Result<Output, RedisError> {
        if reply.kind == .error {
            return .failure(RedisError(serverReply: reply.text, operation: "reply", address: context.address))
        }
        do {
            return .success(try decode(reply))
        } catch {
            return .failure(error)
        }
    }
}

extension SingleReplyHandler {
    // Inlined into each conforming type's witness, where the sink is known.
    @inline(__always)
    static func received(_ token: UInt, _ reply: borrowing RedisReply, _ context: ReplyContext, isLast: Bool) {
        unsafeBitCast(token, to: Sink.Continuation.self).resume(returning: Sink.result(reply, context))
    }

    static func failed(_ token: UInt, _ error: RedisError) {
        unsafeBitCast(token, to: Sink.Continuation.self).resume(returning: .failure(error))
    }
}
