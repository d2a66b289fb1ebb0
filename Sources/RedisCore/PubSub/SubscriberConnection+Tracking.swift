import Synchronization

/// Changed keys, told by the server over the connection that carries the subscriptions.
extension SubscriberConnection {
    /// From any thread.
    func track(_ prefixes: [[UInt8]], _ listener: any TrackingListener) -> UInt64 {
        let id = nextID.wrappingAdd(1, ordering: .relaxed).oldValue
        loop.execute { [self] in
            guard !isEnding else { return listener.trackingIsUnavailable(closedError) }
            trackers.add(id, prefixes, listener)
            connect()
            if isReady, trackers.needsNewConnection { connectAnew() }
        }
        return id
    }

    /// From any thread.
    ///
    /// Never at once: the last reference to a listener may be the one that `trackers` hold while they tell it.
    func untrack(_ id: UInt64) {
        loop.executeLater { [self] in trackers.remove(id) }
    }

    /// False when the connection has to be made again: a prefix came in after it had asked for the others.
    func trackingIsSettled(_ state: Handshake.TrackingState) -> Bool {
        let plan = handshake?.plan ?? TrackingPlan([])
        switch state {
        case .on: trackers.connected(plan, .success(()), asOf: trackingAskedAt)
        case .none: trackers.connected(plan, nil, asOf: trackingAskedAt)
        case .unavailable(let error):
            trackers.connected(plan, .failure(error.naming("CLIENT TRACKING")), asOf: trackingAskedAt)
        }
        guard trackers.needsNewConnection else { return true }
        connectAnew()
        return false
    }

    /// A RESP2 connection that has subscriptions takes no CLIENT TRACKING, so a further prefix needs a new one.
    private func connectAnew() { renew("to track further keys") }
}
