/// Cancels a handler call that takes too long and fails it with ``EventBusError/Code/timedOut``.
///
/// A handler that ignores its cancellation is waited for, and its result counts as timed out all the same.
public struct TimeoutMiddleware: EventMiddleware {
    private let limit: Duration
    private let clock: any Clock<Duration>

    /// Allows each call `limit`; the clock is exchangeable for tests.
    public init(_ limit: Duration, clock: any Clock<Duration> = ContinuousClock()) {
        self.limit = limit
        self.clock = clock
    }

    /// Runs one call against the clock.
    public func handle(_ event: RawEvent, context: EventContext, next: @escaping EventHandler) async throws {
        let (limit, clock) = (limit, clock)
        try await withThrowingTaskGroup(of: Bool.self) { group in
            group.addTask {
                try await next(event, context)
                return true
            }
            group.addTask {
                try await clock.sleep(for: limit)
                return false
            }
            defer { group.cancelAll() }
            if try await group.next() == false {
                throw EventBusError(
                    .timedOut, operation: "handle", channel: context.channel, eventType: event.type,
                    message: "the handler for \(context.registration) did not finish within \(limit)")
            }
        }
    }
}
