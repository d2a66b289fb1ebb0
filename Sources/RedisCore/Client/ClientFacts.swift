import Metrics
import Synchronization

/// What a client's connections have seen; readable from any thread.
final class ClientFacts: Sendable {
    struct Snapshot: Sendable {
        var reconnects = 0
        var lastError: RedisError?
        /// The server's identity as of the last handshake: a new one means a restart or another server.
        var runID: String?
    }

    private struct Observers {
        var byID: [Int: @Sendable () -> Void] = [:]
        var nextID = 0
    }

    private let facts = Mutex(Snapshot())
    private let observers = Mutex(Observers())
    private struct Together {
        var links: [RedisLink] = []
        var exclusive: ExclusivePool?
    }

    /// All that have to lead to one server; they know this object weakly.
    private let together = Mutex(Together())
    private let reconnected = Counter(label: "redis.connections.reconnected")
    private let lost = Counter(label: "redis.connections.lost")

    var snapshot: Snapshot { facts.withLock { $0 } }

    var note: @Sendable (LinkEvent) -> Void {
        { [weak self] event in self?.record(event) }
    }

    /// Names the connections that follow when one of them, lost and made again, finds another server.
    func keepTogether(_ links: [RedisLink], _ exclusive: ExclusivePool) {
        together.withLock { $0 = Together(links: links, exclusive: exclusive) }
    }

    /// Tells of the connection for subscriptions, which does not carry commands.
    var noteSubscriber: @Sendable (LinkFacts) -> Void {
        { [weak self] ready in self?.gather(ready.foundRunID) }
    }

    /// After a failover the old server may live on and keep connections that were not cut: it would go on proving them.
    ///
    /// Loop's thread.
    private func gather(_ runID: String?) {
        guard let runID else { return }
        let (links, exclusive) = together.withLock { ($0.links, $0.exclusive) }
        for link in links { link.follow(runID) }
        exclusive?.follow(runID)
    }

    /// Loop's thread.
    private func record(_ event: LinkEvent) {
        let isReconnect = facts.withLock { facts in
            switch event {
            case .ready(let ready):
                facts.lastError = nil
                facts.runID = ready.info?.runID ?? facts.runID
                guard ready.reconnects > 0 else { return false }
                facts.reconnects += 1
                reconnected.increment()
                return true
            case .lost(let error, let wasReady):
                facts.lastError = error
                if wasReady { lost.increment() }
                return false
            }
        }
        guard isReconnect else { return }
        if case .ready(let ready) = event { gather(ready.foundRunID) }
        for observer in observers.withLock({ Array($0.byID.values) }) { observer() }
    }

    func observeReconnects(_ body: @escaping @Sendable () -> Void) -> Int {
        observers.withLock { observers in
            observers.nextID += 1
            observers.byID[observers.nextID] = body
            return observers.nextID
        }
    }

    func stopObserving(_ id: Int) { observers.withLock { $0.byID[id] = nil } }
}

extension RedisClient {
    /// Calls back on the loop's thread whenever a connection for commands is ready again after it was lost.
    ///
    /// For modules that hold state on the server and must ask whether it is still there. The number takes the observer
    /// away again.
    package func observeReconnects(_ body: @escaping @Sendable () -> Void) -> Int { facts.observeReconnects(body) }

    /// Takes an observer away; it may be running for the last time meanwhile.
    package func stopObservingReconnects(_ id: Int) { facts.stopObserving(id) }
}
