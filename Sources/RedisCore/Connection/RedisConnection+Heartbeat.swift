/// Finds a peer that has gone silent. Loop's thread only.
extension RedisConnection {
    func startHeartbeat() {
        guard sendsHeartbeat else { return }
        lastMoved = loop.nowMilliseconds
        heartbeatTimer?.cancel()
        heartbeatTimer = loop.schedule(after: configuration.heartbeat) { [self] in beat() }
    }

    /// Nothing moved for a period: ask.
    ///
    /// Nothing moved for two although something is due: the peer is gone.
    func beat() {
        guard isReady else { return }
        let period = UInt64(max(1, configuration.heartbeat.wholeNanoseconds / 1_000_000))
        let quiet = loop.nowMilliseconds - lastMoved
        if quiet >= 2 * period, !inFlight.isEmpty {
            return abandon("no byte for \(quiet) ms although replies are due")
        }
        if quiet >= period, inFlight.isEmpty {
            let waiter = LoopReply { _ in }
            submit(
                RedisCommand("PING"), LoopReply.Handler.self, token: waiter.token, id: makeID(), timeout: 10 * period)
        }
        heartbeatTimer = loop.schedule(after: configuration.heartbeat) { [self] in beat() }
    }
}
