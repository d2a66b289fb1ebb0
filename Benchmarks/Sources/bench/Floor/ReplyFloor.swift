import CFloor

/// One command a slot, sent again on its reply, which must be of the kind that is expected.
struct ReplyFloor {
    /// What a reply has to be.
    enum Expected {
        /// `OK`.
        case status
        /// A bulk string of that many bytes.
        case text(Int)
        /// An array of that many bulk strings.
        case texts(Int)
        /// An array of that many elements, of which the first is a bulk string, an entry amid its stamps.
        case entry(amid: Int)
        /// An array with anything in it.
        case array
    }

    fileprivate let state: FloorState.Pointer
    fileprivate let command: UnsafeBufferPointer<CChar>
    fileprivate let expected: Expected

    static func make(port: Int, commands: [[[UInt8]]], expected: Expected) throws -> Floor {
        try Floor { loop, state in
            let connection = try RawConnection.open(port: port, on: loop)
            let slots = commands.map {
                UnsafeMutablePointer.immortal(
                    ReplyFloor(state: state, command: FormattedCommand($0).bytes, expected: expected))
            }
            return {
                state.pointee.inFlight = slots.count
                for slot in slots {
                    RawConnection.send(
                        slot.pointee.command, on: connection.pointee.context, callback: onReply, data: slot)
                }
            }
        }
    }

    @inline(__always)
    fileprivate func matches(_ reply: UnsafeMutableRawPointer?) -> Bool {
        guard let reply = reply?.assumingMemoryBound(to: redisReply.self) else { return false }
        switch expected {
        case .status: return reply.pointee.type == REDIS_REPLY_STATUS
        case .text(let size): return reply.pointee.type == REDIS_REPLY_STRING && reply.pointee.len == size
        case .texts(let count):
            guard reply.pointee.type == REDIS_REPLY_ARRAY, reply.pointee.elements == count,
                let last = reply.pointee.element[count - 1]
            else { return false }
            return last.pointee.type == REDIS_REPLY_STRING
        case .entry(amid: let count):
            guard reply.pointee.type == REDIS_REPLY_ARRAY, reply.pointee.elements == count,
                let first = reply.pointee.element[0]
            else { return false }
            return first.pointee.type == REDIS_REPLY_STRING
        case .array: return reply.pointee.type == REDIS_REPLY_ARRAY && reply.pointee.elements > 0
        }
    }
}

private func onReply(
    _ context: UnsafeMutablePointer<redisAsyncContext>?, _ reply: UnsafeMutableRawPointer?,
    _ data: UnsafeMutableRawPointer?
) {
    guard let slot = data?.assumingMemoryBound(to: ReplyFloor.self) else { return }
    guard slot.pointee.matches(reply) else { return slot.pointee.state.pointee.fail() }
    slot.pointee.state.pointee.finish(1)
    guard slot.pointee.state.pointee.mayContinue() else { return }
    RawConnection.send(slot.pointee.command, on: context, callback: onReply, data: data)
}
