/// The replies of a pipeline, gathered on the loop and handed over in one resumption.
final class BatchReply {
    typealias Continuation = UnsafeContinuation<Result<ReplyTape, RedisError>, Never>

    private let continuation: Continuation
    @exclusivity(unchecked) private var tape: ReplyTape

    init(_ continuation: Continuation, count: Int) {
        self.continuation = continuation
        tape = ReplyTape(expecting: count)
    }

    /// The token owns one reference, given back by the last reply or the failure.
    var token: UInt { UInt(bitPattern: Unmanaged.passRetained(self).toOpaque()) }

    /// One entry for all replies.
    enum Handler: ReplyHandler {
        static func received(_ token: UInt, _ reply: borrowing RedisReply, _ context: ReplyContext, isLast: Bool) {
            guard let batch = unmanaged(token) else { return }
            batch._withUnsafeGuaranteedRef { $0.tape.append(reply) }
            guard isLast else { return }
            let finished = batch.takeRetainedValue()
            finished.continuation.resume(returning: .success(finished.tape))
        }

        static func failed(_ token: UInt, _ error: RedisError) {
            unmanaged(token)?.takeRetainedValue().continuation.resume(returning: .failure(error))
        }

        private static func unmanaged(_ token: UInt) -> Unmanaged<BatchReply>? {
            UnsafeRawPointer(bitPattern: token).map(Unmanaged.fromOpaque)
        }
    }
}
