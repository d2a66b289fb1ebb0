import Synchronization

/// One object for each client, found by the client's identity and alive as long as somebody uses it.
///
/// The identity cannot be reused while an entry is valid, if the object keeps its client alive.
package final class PerClient<Value: AnyObject & Sendable>: Sendable {
    private struct Entry {
        weak var value: Value?
    }

    private let entries = Mutex<[ObjectIdentifier: Entry]>([:])

    package init() {}

    /// The client's object, made if there is none.
    package func value(for redis: RedisClient, _ make: (RedisClient) -> Value) -> Value {
        entries.withLock { entries in
            let id = ObjectIdentifier(redis)
            if let value = entries[id]?.value { return value }
            let value = make(redis)
            entries[id] = Entry(value: value)
            return value
        }
    }

    /// For the object's `deinit`.
    package func forget(_ redis: RedisClient) {
        entries.withLock { entries in
            let id = ObjectIdentifier(redis)
            // A successor may have been made since the last reference went away.
            if entries[id]?.value == nil { entries[id] = nil }
        }
    }
}
