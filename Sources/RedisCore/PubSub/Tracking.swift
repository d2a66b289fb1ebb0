/// Who wants to know at once which keys change: told by the server, over the subscriber connection.
///
/// All calls come on the loop's thread, one after the other, in the order of the server's changes: they must be short
/// and may not wait. Between two of them nothing else that the subscriber receives is handled.
package protocol TrackingListener: AnyObject, Sendable {
    /// From now on every change of a tracked key is told.
    ///
    /// What was known before may be stale. All that changed before `asOf` (``Moment/nanoseconds``) is history.
    func trackingIsReady(asOf: Int64)
    /// A key changed, expired, was evicted or deleted, in any database; the bytes are valid during the call.
    func trackedKeyChanged(_ key: UnsafeRawBufferPointer)
    /// FLUSHALL or FLUSHDB: everything may have changed.
    func trackedKeysFlushed()
    /// Every change before `asOf`, and all that was published before, has been told.
    ///
    /// Two messages that were published later, one upon the other, have come back. Told also where tracking is
    /// unavailable.
    func trackingIsProved(asOf: Int64)
    /// The connection is lost: from now on changes go untold, until ``trackingIsReady(asOf:)``.
    func trackingIsInterrupted()
    /// The server, or what stands in front of it, does not track for this user.
    ///
    /// Tried again with the next connection of the subscriber.
    func trackingIsUnavailable(_ error: RedisError)
}

/// A wish to be told of changes; letting go of it, or ``cancel()``, ends it.
///
/// The prefixes stay with the server until the subscriber's connection ends: what nobody wants any more is dropped on
/// arrival.
package final class Tracking: Sendable {
    private let id: UInt64
    private let connection: SubscriberConnection

    init(_ id: UInt64, _ connection: SubscriberConnection) {
        self.id = id
        self.connection = connection
    }

    deinit { connection.untrack(id) }

    /// Ends it; calls that are on their way may still come.
    ///
    /// Safe to call twice.
    package func cancel() { connection.untrack(id) }
}

extension RedisClient {
    /// Tells `listener`, which is held weakly, of every change of a key that begins with one of `prefixes`.
    ///
    /// Returns at once: the listener hears ``TrackingListener/trackingIsReady(asOf:)`` or
    /// ``TrackingListener/trackingIsUnavailable(_:)``. No prefix may be empty.
    ///
    /// A RESP2 connection that has subscriptions can be told no further prefix. So a prefix that no earlier call covers
    /// makes the subscriber connect anew, which all others see as a gap: track before subscribing, or with one prefix
    /// for all.
    package func track(
        prefixes: [String], _ listener: any TrackingListener
    ) throws(RedisError) -> Tracking {
        guard !prefixes.isEmpty, prefixes.allSatisfy({ !$0.isEmpty }) else {
            throw RedisError(
                .invalidArgument, operation: "CLIENT TRACKING", message: "Name at least one prefix, and no empty one.",
                address: subscriber.address)
        }
        return Tracking(subscriber.track(prefixes.map { Array($0.utf8) }, listener), subscriber)
    }
}
