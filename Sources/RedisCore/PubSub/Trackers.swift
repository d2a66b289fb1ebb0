/// All who want to be told of changed keys over one subscriber connection, and what that connection can tell.
///
/// Loop's thread only.
struct Trackers {
    /// What the connection at hand can do for them.
    enum Phase {
        /// There is none, or it is being made.
        case absent
        /// It tells changes, all of those before `asOf` included.
        case tracking(TrackingPlan, asOf: Int64)
        case unavailable(RedisError)
    }

    fileprivate struct Tracker {
        let prefixes: [[UInt8]]
        weak var listener: (any TrackingListener)?
    }

    private(set) var phase = Phase.absent
    private var trackers: [UInt64: Tracker] = [:]
    /// Connections in a row that ended while tracking was being switched on: some proxies answer so.
    private var lostWhileAsking = 0
    private var lastLoss: RedisError?
    /// So many may be bad luck.
    private static let mostLosses = 2

    /// What the next connection is to track; empty when nobody asks, or when asking ends connections.
    var nextPlan: TrackingPlan { mayAsk ? wanted : TrackingPlan([]) }

    /// True while somebody wants to know that the connection delivers, be it changed keys or what others publish.
    var wantsProof: Bool { if case .absent = phase { false } else { !trackers.isEmpty } }

    private var wanted: TrackingPlan { TrackingPlan(trackers.values.flatMap(\.prefixes)) }
    private var mayAsk: Bool { lostWhileAsking < Self.mostLosses }

    /// True when only a new connection can serve all trackers.
    var needsNewConnection: Bool {
        switch phase {
        case .absent, .unavailable: false
        case .tracking(let plan, _): !plan.covers(wanted)
        }
    }

    mutating func add(_ id: UInt64, _ prefixes: [[UInt8]], _ listener: any TrackingListener) {
        trackers[id] = Tracker(prefixes: prefixes, listener: listener)
        switch phase {
        case .tracking(let plan, let asOf) where plan.covers(TrackingPlan(prefixes)):
            listener.trackingIsReady(asOf: asOf)
        case .unavailable(let error): listener.trackingIsUnavailable(error)
        case .absent, .tracking: break
        }
    }

    mutating func remove(_ id: UInt64) { trackers[id] = nil }

    // MARK: Events from the connection

    /// The handshake is done; `result` is nil when nothing was asked.
    mutating func connected(_ plan: TrackingPlan, _ result: Result<Void, RedisError>?, asOf: Int64) {
        switch result {
        case .success:
            lostWhileAsking = 0
            phase = .tracking(plan, asOf: asOf)
            for tracker in trackers.values where plan.covers(TrackingPlan(tracker.prefixes)) {
                tracker.listener?.trackingIsReady(asOf: asOf)
            }
        case .failure(let error): fail(error)
        case nil where mayAsk: phase = .tracking(TrackingPlan([]), asOf: asOf)
        case nil:
            lostWhileAsking = 0
            fail(lastLoss ?? RedisError(.server, operation: "CLIENT TRACKING", message: "The server does not track."))
        }
    }

    private mutating func fail(_ error: RedisError) {
        phase = .unavailable(error)
        for tracker in trackers.values { tracker.listener?.trackingIsUnavailable(error) }
    }

    /// The connection is gone, or an attempt to make it failed; `whileAsking` after it was asked to track.
    mutating func lost(_ error: RedisError, whileAsking: Bool) {
        if whileAsking {
            lostWhileAsking += 1
            lastLoss = error
        }
        guard case .absent = phase else {
            phase = .absent
            for tracker in trackers.values { tracker.listener?.trackingIsInterrupted() }
            return
        }
    }

    /// What was published at `asOf` came back.
    mutating func proved(asOf: Int64) {
        var asOf = asOf
        if case .tracking(let plan, let known) = phase {
            // What was asked before the connection was made, and comes over it, says less than its making.
            asOf = max(asOf, known)
            phase = .tracking(plan, asOf: asOf)
        }
        for tracker in trackers.values { tracker.listener?.trackingIsProved(asOf: asOf) }
    }

    /// The payload of an invalidation: an array of keys, or null for all of them.
    func received(_ payload: borrowing RedisReply) {
        guard case .tracking = phase else { return }
        switch payload.kind {
        case .null:
            for tracker in trackers.values { tracker.listener?.trackedKeysFlushed() }
        case .array:
            for tracker in trackers.values { tracker.tell(payload) }
        // Published by somebody, and not by the server itself.
        case .integer, .status, .bytes, .error: break
        }
    }
}

extension Trackers.Tracker {
    fileprivate func tell(_ keys: borrowing RedisReply) {
        guard let listener else { return }
        for index in 0..<keys.count {
            guard let key = keys.bytes(at: index), prefixes.contains(where: { key.starts(with: $0) }) else { continue }
            listener.trackedKeyChanged(key)
        }
    }
}
