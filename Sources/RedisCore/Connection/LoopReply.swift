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
