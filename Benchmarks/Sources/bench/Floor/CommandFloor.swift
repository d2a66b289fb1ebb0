import CFloor

/// One command a slot, sent again on its reply: an array that begins with a number above zero.
struct CommandFloor {
    fileprivate let state: FloorState.Pointer
    fileprivate let command: UnsafeBufferPointer<CChar>

    static func make(port: Int, commands: [[[UInt8]]]) throws -> Floor {
        try Floor { loop, state in
            let connection = try RawConnection.open(port: port, on: loop)
            let slots = commands.map {
                UnsafeMutablePointer.immortal(CommandFloor(state: state, command: FormattedCommand($0).bytes))
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
    fileprivate static func isAdmission(_ reply: UnsafeMutableRawPointer?) -> Bool {
        guard let reply = reply?.assumingMemoryBound(to: redisReply.self), reply.pointee.elements >= 4,
            let first = reply.pointee.element[0]
        else { return false }
        return first.pointee.type == REDIS_REPLY_INTEGER && first.pointee.integer > 0
    }
}

private func onReply(
    _ context: UnsafeMutablePointer<redisAsyncContext>?, _ reply: UnsafeMutableRawPointer?,
    _ data: UnsafeMutableRawPointer?
) {
    guard let slot = data?.assumingMemoryBound(to: CommandFloor.self) else { return }
    guard CommandFloor.isAdmission(reply) else { return slot.pointee.state.pointee.fail() }
    slot.pointee.state.pointee.finish(1)
    guard slot.pointee.state.pointee.mayContinue() else { return }
    RawConnection.send(slot.pointee.command, on: context, callback: onReply, data: data)
}
