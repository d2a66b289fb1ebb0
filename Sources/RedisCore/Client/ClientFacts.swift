import Synchronization

/// What a client's connections have seen; readable from any thread.
final class ClientFacts: Sendable {
    struct Snapshot: Sendable {
        var reconnects = 0
        var lastError: RedisError?
        /// The server's identity as of the last handshake: a new one means a restart or another server.
        var runID: String?
    }

    private let facts = Mutex(Snapshot())

    var snapshot: Snapshot { facts.withLock { $0 } }

    var note: @Sendable (LinkEvent) -> Void {
        { [weak self] event in
            self?.facts.withLock { facts in
                switch event {
                case .ready(let ready):
                    if ready.reconnects > 0 { facts.reconnects += 1 }
                    facts.lastError = nil
                    facts.runID = ready.info?.runID ?? facts.runID
                case .lost(let error, _):
                    facts.lastError = error
                }
            }
        }
    }
}
