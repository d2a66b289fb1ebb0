/// The results of a pipeline, gathered on the loop and handed over in one resumption.
final class BatchReply {
    typealias Continuation = UnsafeContinuation<Result<[Result<RedisValue, RedisError>], RedisError>, Never>

    private let continuation: Continuation
    private var results: [Result<RedisValue, RedisError>] = []

    init(_ continuation: Continuation, count: Int) {
        self.continuation = continuation
        results.reserveCapacity(count)
    }

    /// The token owns one reference, given back by the last reply or the failure.
    var token: UInt { UInt(bitPattern: Unmanaged.passRetained(self).toOpaque()) }

    fileprivate func append(_ reply: borrowing RedisReply, _ context: ReplyContext) {
        if reply.kind == .error {
            let error = RedisError(serverReply: reply.text, operation: "pipeline", address: context.address)
            results.append(.failure(error))
        } else {
            results.append(.success(RedisValue(reply)))
        }
    }

    fileprivate func finish() { continuation.resume(returning: .success(results)) }
    fileprivate func fail(_ error: RedisError) { continuation.resume(returning: .failure(error)) }
}

/// The handler of pipelines: one entry for all replies.
enum BatchReplyHandler: ReplyHandler {
    static func received(_ token: UInt, _ reply: borrowing RedisReply, _ context: ReplyContext, isLast: Bool) {
        guard let pointer = UnsafeRawPointer(bitPattern: token) else { return }
        let batch = Unmanaged<BatchReply>.fromOpaque(pointer)
        batch.takeUnretainedValue().append(reply, context)
        if isLast { batch.takeRetainedValue().finish() }
    }

    static func failed(_ token: UInt, _ error: RedisError) {
        guard let pointer = UnsafeRawPointer(bitPattern: token) else { return }
        Unmanaged<BatchReply>.fromOpaque(pointer).takeRetainedValue().fail(error)
    }
}

/// A reply for code on the loop: handshakes and heartbeats.
final class LoopReply {
    typealias Body = (Result<RedisValue, RedisError>) -> Void
    private let body: Body

    init(_ body: @escaping Body) { self.body = body }

    var token: UInt { UInt(bitPattern: Unmanaged.passRetained(self).toOpaque()) }

    enum Handler: ReplyHandler {
        static func received(_ token: UInt, _ reply: borrowing RedisReply, _ context: ReplyContext, isLast: Bool) {
            guard let pointer = UnsafeRawPointer(bitPattern: token) else { return }
            let waiter = Unmanaged<LoopReply>.fromOpaque(pointer).takeRetainedValue()
            if reply.kind == .error {
                let error = RedisError(serverReply: reply.text, operation: "reply", address: context.address)
                waiter.body(.failure(error))
            } else {
                waiter.body(.success(RedisValue(reply)))
            }
        }

        static func failed(_ token: UInt, _ error: RedisError) {
            guard let pointer = UnsafeRawPointer(bitPattern: token) else { return }
            Unmanaged<LoopReply>.fromOpaque(pointer).takeRetainedValue().body(.failure(error))
        }
    }
}
