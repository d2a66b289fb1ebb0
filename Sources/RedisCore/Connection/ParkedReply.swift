/// A reply that takes its time.
///
/// A cancellation handler costs as much as the rest of a command, and nearly every reply comes before anybody could
/// cancel. So a caller first suspends without one. When the reply has not come after a sweep or two (20 to 40 ms) the
/// connection *parks* the entry: the caller is resumed with this object in place of the reply, and waits for it again,
/// now with a cancellation handler. A task that is cancelled before that is told when it is parked.
final class ParkedReply<Sink: ReplySink>: Error, Sendable {
    /// Names the entry towards the connection.
    private let id: UInt64
    private let outcome = FirstOutcome<Result<Sink.Output, RedisError>>()

    fileprivate init(id: UInt64) { self.id = id }

    /// What the caller does with it: waits for the reply, or for its own cancellation.
    func value(from connection: RedisConnection) async -> Result<Sink.Output, RedisError> {
        await withTaskCancellationHandler {
            await outcome.value
        } onCancel: {
            connection.cancel(id)
        }
    }

    /// Takes the place of the entry's first handler.
    enum Handler: ReplyHandler {
        static func received(_ token: UInt, _ reply: borrowing RedisReply, _ context: ReplyContext, isLast: Bool) {
            take(token)?.outcome.settle(Sink.result(reply, context))
        }

        static func failed(_ token: UInt, _ error: RedisError) { take(token)?.outcome.settle(.failure(error)) }

        private static func take(_ token: UInt) -> ParkedReply<Sink>? {
            UnsafeRawPointer(bitPattern: token).map { Unmanaged.fromOpaque($0).takeRetainedValue() }
        }
    }
}

extension ReplyEntry {
    /// Resumes the caller with a parked reply, which this entry completes from now on.
    mutating func park(id: UInt64) {
        guard let parked = handler.park(token, id) else { return }
        (handler, token) = parked
        self.id = id
    }
}

extension ReplyHandler {
    /// Most handlers have nobody who could be cancelled, or a cancellation handler already.
    static func park(_ token: UInt, _ id: UInt64) -> (handler: any ReplyHandler.Type, token: UInt)? { nil }
}

extension SingleReplyHandler {
    static func park(_ token: UInt, _ id: UInt64) -> (handler: any ReplyHandler.Type, token: UInt)? {
        let parked = ParkedReply<Sink>(id: id)
        let continuation = unsafeBitCast(token, to: Sink.Continuation.self)
        let object = UInt(bitPattern: Unmanaged.passRetained(parked).toOpaque())
        let marker = RedisError(.timedOut, operation: "park", message: "The reply is late.", underlying: parked)
        continuation.resume(returning: .failure(marker))
        return (ParkedReply<Sink>.Handler.self, object)
    }
}
