import CFloor

/// Pipelines of 100 GETs, several in flight: the callback of a pipeline's last reply sends the whole next one.
struct PipelineFloor {
    fileprivate let state: FloorState.Pointer
    fileprivate let command: UnsafeBufferPointer<CChar>
    fileprivate let length: Int
    fileprivate var left = 0

    static func make(port: Int, length: Int, outstanding: Int) throws -> Floor {
        try Floor { loop, state in
            let connection = try RawConnection.open(port: port, on: loop)
            let command = FormattedCommand("GET", Dataset.key).bytes
            let slots = (0..<outstanding).map { _ in
                UnsafeMutablePointer.immortal(PipelineFloor(state: state, command: command, length: length))
            }
            return {
                state.pointee.inFlight = outstanding
                for slot in slots { send(slot, on: connection.pointee.context) }
            }
        }
    }

    @inline(__always)
    fileprivate static func send(
        _ slot: UnsafeMutablePointer<PipelineFloor>, on context: UnsafeMutablePointer<redisAsyncContext>?
    ) {
        slot.pointee.left = slot.pointee.length
        for _ in 0..<slot.pointee.length {
            RawConnection.send(slot.pointee.command, on: context, callback: onReply, data: slot)
        }
    }
}

private func onReply(
    _ context: UnsafeMutablePointer<redisAsyncContext>?, _ reply: UnsafeMutableRawPointer?,
    _ data: UnsafeMutableRawPointer?
) {
    guard let slot = data?.assumingMemoryBound(to: PipelineFloor.self) else { return }
    let state = slot.pointee.state
    guard Dataset.isValue(reply) else { return state.pointee.fail() }
    slot.pointee.left -= 1
    guard slot.pointee.left == 0 else { return }
    state.pointee.finish(slot.pointee.length)
    if state.pointee.mayContinue() { PipelineFloor.send(slot, on: context) }
}
