import Synchronization
import TestSupport

@testable import Cache

/// What a handler heard, in order.
final class Told: Sendable {
    private let entries = Mutex<[ExpiredEntry]>([])
    let signal = TestSignal("an expiry was told")

    func note(_ entry: ExpiredEntry) {
        entries.withLock { $0.append(entry) }
        signal.fire()
    }

    var all: [ExpiredEntry] { entries.withLock { $0 } }
    var keys: [String] { all.map(\.key).sorted() }
}

extension IndexedCache {
    /// Lets the time of items of text be over at once.
    func expire(_ keys: String...) async throws {
        for key in keys { try await setTTL(key, .after(.milliseconds(1))) }
        try await eventually("they expired") {
            for key in keys where try await exists(key) { return false }
            return true
        }
    }
}

extension RedisServer {
    /// Lets the time be over for which ends of the namespace `n` were claimed.
    func endLeases() throws {
        let key = "signalbox:indexed:{n}:expired"
        for event in try self("ZRANGE", key, "0", "-1").strings { try self("ZADD", key, "XX", "0", event) }
    }
}
