import CFloor

/// Lock cycles on distinct keys: acquire, on its reply release, on that reply acquire again.
///
/// The commands are those that `Coordination` sends, byte for byte: see `LockCommands`.
struct LockFloor {
    fileprivate let state: FloorState.Pointer
    fileprivate let acquire: UnsafeBufferPointer<CChar>
    fileprivate let release: UnsafeBufferPointer<CChar>

    static func make(port: Int, cycles: [LockCommands]) throws -> Floor {
        try Floor { loop, state in
            let connection = try RawConnection.open(port: port, on: loop)
            let slots = cycles.map {
                UnsafeMutablePointer.immortal(
                    LockFloor(
                        state: state, acquire: FormattedCommand($0.acquire).bytes,
                        release: FormattedCommand($0.release).bytes))
            }
            return {
                state.pointee.inFlight = slots.count
                for slot in slots {
                    RawConnection.send(
                        slot.pointee.acquire, on: connection.pointee.context, callback: onAcquired, data: slot)
                }
            }
        }
    }

    @inline(__always)
    fileprivate static func isAnswer(_ reply: UnsafeMutableRawPointer?) -> Bool {
        guard let reply = reply?.assumingMemoryBound(to: redisReply.self) else { return false }
        return reply.pointee.type != REDIS_REPLY_ERROR
    }
}

private func onAcquired(
    _ context: UnsafeMutablePointer<redisAsyncContext>?, _ reply: UnsafeMutableRawPointer?,
    _ data: UnsafeMutableRawPointer?
) {
    guard let slot = data?.assumingMemoryBound(to: LockFloor.self) else { return }
    guard LockFloor.isAnswer(reply) else { return slot.pointee.state.pointee.fail() }
    RawConnection.send(slot.pointee.release, on: context, callback: onReleased, data: data)
}

private func onReleased(
    _ context: UnsafeMutablePointer<redisAsyncContext>?, _ reply: UnsafeMutableRawPointer?,
    _ data: UnsafeMutableRawPointer?
) {
    guard let slot = data?.assumingMemoryBound(to: LockFloor.self) else { return }
    guard LockFloor.isAnswer(reply) else { return slot.pointee.state.pointee.fail() }
    slot.pointee.state.pointee.finish(1)
    guard slot.pointee.state.pointee.mayContinue() else { return }
    RawConnection.send(slot.pointee.acquire, on: context, callback: onAcquired, data: data)
}
