import CFloor

/// N outstanding GETs of 64 bytes: each reply's callback sends the next.
struct GetFloor {
    fileprivate let state: FloorState.Pointer
    fileprivate let command = FormattedCommand("GET", Dataset.key).bytes

    static func make(port: Int, outstanding: Int) throws -> Floor {
        try Floor { loop, state in
            let connection = try RawConnection.open(port: port, on: loop)
            let job = UnsafeMutablePointer.immortal(GetFloor(state: state))
            return {
                state.pointee.inFlight = outstanding
                for _ in 0..<outstanding {
                    RawConnection.send(
                        job.pointee.command, on: connection.pointee.context, callback: onReply, data: job)
                }
            }
        }
    }
}

private func onReply(
    _ context: UnsafeMutablePointer<redisAsyncContext>?, _ reply: UnsafeMutableRawPointer?,
    _ data: UnsafeMutableRawPointer?
) {
    guard let job = data?.assumingMemoryBound(to: GetFloor.self) else { return }
    let state = job.pointee.state
    guard Dataset.isValue(reply) else { return state.pointee.fail() }
    state.pointee.finish(1)
    guard state.pointee.mayContinue() else { return }
    RawConnection.send(job.pointee.command, on: context, callback: onReply, data: data)
}
