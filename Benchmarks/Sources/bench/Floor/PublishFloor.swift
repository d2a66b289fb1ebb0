import CFloor

/// Batches of PUBLISH on one connection, a subscriber's callback that counts on another, both on one loop.
///
/// The next batch leaves when the last one is acknowledged; an operation is a message that the subscriber received.
struct PublishFloor {
    fileprivate let state: FloorState.Pointer
    fileprivate let publisher: UnsafeMutablePointer<redisAsyncContext>
    fileprivate let command: UnsafeBufferPointer<CChar>
    fileprivate let batch: Int
    fileprivate var unacknowledged = 0
    fileprivate var unreceived = 0

    static func make(port: Int, batch: Int, channel: String) throws -> Floor {
        try Floor { loop, state in
            let publisher = try RawConnection.open(port: port, on: loop)
            let subscriber = try RawConnection.open(port: port, on: loop)
            let job = UnsafeMutablePointer.immortal(
                PublishFloor(
                    state: state, publisher: publisher.pointee.context,
                    command: FormattedCommand("PUBLISH", channel, Dataset.message).bytes, batch: batch))
            RawConnection.send(
                FormattedCommand("SUBSCRIBE", channel).bytes, on: subscriber.pointee.context, callback: onMessage,
                data: job
            )
            uv_run(loop, UV_RUN_ONCE)
            return {
                state.pointee.inFlight = 1
                send(job)
            }
        }
    }

    @inline(__always)
    fileprivate static func send(_ job: UnsafeMutablePointer<PublishFloor>) {
        job.pointee.unacknowledged = job.pointee.batch
        job.pointee.unreceived += job.pointee.batch
        for _ in 0..<job.pointee.batch {
            RawConnection.send(job.pointee.command, on: job.pointee.publisher, callback: onReply, data: job)
        }
    }

    /// Acknowledgements and messages come on different sockets, in either order.
    fileprivate static func endIfIdle(_ job: UnsafeMutablePointer<PublishFloor>) {
        guard job.pointee.unacknowledged == 0, job.pointee.unreceived == 0 else { return }
        _ = job.pointee.state.pointee.mayContinue()
    }
}

private func onReply(
    _ context: UnsafeMutablePointer<redisAsyncContext>?, _ reply: UnsafeMutableRawPointer?,
    _ data: UnsafeMutableRawPointer?
) {
    guard let job = data?.assumingMemoryBound(to: PublishFloor.self) else { return }
    guard let reply = reply?.assumingMemoryBound(to: redisReply.self), reply.pointee.type == REDIS_REPLY_INTEGER,
        reply.pointee.integer == 1
    else { return job.pointee.state.pointee.fail() }
    job.pointee.unacknowledged -= 1
    guard job.pointee.unacknowledged == 0 else { return }
    if job.pointee.state.pointee.isStopping { PublishFloor.endIfIdle(job) } else { PublishFloor.send(job) }
}

private func onMessage(
    _ context: UnsafeMutablePointer<redisAsyncContext>?, _ reply: UnsafeMutableRawPointer?,
    _ data: UnsafeMutableRawPointer?
) {
    guard let job = data?.assumingMemoryBound(to: PublishFloor.self) else { return }
    guard let reply = reply?.assumingMemoryBound(to: redisReply.self), reply.pointee.type == REDIS_REPLY_ARRAY,
        reply.pointee.elements == 3, let payload = reply.pointee.element[2]
    else { return job.pointee.state.pointee.fail() }
    guard payload.pointee.type == REDIS_REPLY_STRING else { return }  // the subscription's confirmation
    job.pointee.unreceived -= 1
    job.pointee.state.pointee.finish(1)
    if job.pointee.state.pointee.isStopping { PublishFloor.endIfIdle(job) }
}
