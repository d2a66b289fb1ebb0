/// Deadlines, cancellation, and the parking of late replies. Loop's thread only.
extension RedisConnection {
    func armSweep() {
        isSweepArmed = true
        sweepTimer = loop.schedule(after: Self.sweepInterval) { [self] in sweep() }
    }

    /// Parks who has waited since the last sweep, so that they can be cancelled; see ``ParkedReply``.
    func sweep() {
        // A caller may have written without a word: its command is seen here at the latest.
        closeLane()
        isSweepArmed = false
        sweepTimer?.cancel()
        guard hasRepliesDue else { return }
        for index in 0..<inFlight.count { touch(&inFlight[index].pointee) }
        queue.updateEntries { touch(&$0) }
        armSweep()
    }

    func touch(_ entry: inout ReplyEntry) {
        if entry.wasSwept { entry.park(id: entry.id == 0 ? makeID() : entry.id) } else { entry.wasSwept = true }
    }

    func cancelOnLoop(_ id: UInt64) {
        let error = RedisError(
            .cancelled, operation: "command", message: "The task that waited for the reply was cancelled.",
            address: address)
        if let entry = queue.remove(id: id) { return entry.handler.failed(entry.token, error) }
        guard let index = inFlight.firstIndex(of: id) else { return }
        abandon(at: index, error.written())
    }

    func abandon(at index: Int, _ error: RedisError) {
        let entry = inFlight[index].pointee
        inFlight[index].pointee.handler = AbandonedReply.self
        entry.handler.failed(entry.token, error)
    }

    func armDeadline(_ deadline: UInt64) {
        deadlineTimer?.cancel()
        deadlineArmedFor = deadline
        let delay = deadline > loop.nowMilliseconds ? deadline - loop.nowMilliseconds : 0
        deadlineTimer = loop.schedule(after: .milliseconds(delay)) { [self] in expire() }
    }

    /// Fails what is late and arms the timer for the next deadline.
    ///
    /// Runs once per nearest deadline, not per command.
    func expire() {
        deadlineArmedFor = .max
        let now = loop.nowMilliseconds
        for late in queue.removeLate(now) { late.handler.failed(late.token, lateError(wasWritten: false)) }
        var open: UInt64?
        for index in 0..<inFlight.count {
            let entry = inFlight[index].pointee
            guard entry.handler != AbandonedReply.self else { continue }
            if entry.deadline <= now {
                abandon(at: index, lateError(wasWritten: true))
            } else {
                open = min(open ?? .max, entry.deadline)
            }
        }
        let waiting = queue.entries.lazy.map(\.deadline).min()
        if let next = [open, waiting].compactMap({ $0 }).min() { armDeadline(next) }
    }

    func lateError(wasWritten: Bool) -> RedisError {
        RedisError(
            .timedOut, operation: "command",
            message: wasWritten
                ? "\(address) did not answer in time; whether the command took effect is unknown."
                : "There was no connection to \(address) in time; the command was not sent.",
            address: address, wasWritten: wasWritten, underlying: lastError)
    }

    /// Why nothing can be sent any more: the owner closed, or a connection for one use was lost.
    var closedError: RedisError {
        if !isEnding, let lastError {
            return RedisError(
                .connectionLost, operation: "command",
                message: "The connection to \(address) was lost, and it was made for one use.", address: address,
                underlying: lastError)
        }
        return RedisError(
            .closed, operation: "command", message: "The client of \(address) is closed.", address: address)
    }
}
