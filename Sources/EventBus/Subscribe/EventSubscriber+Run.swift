import Logging
import RedisCore
import ServiceLifecycle
import Synchronization

extension EventSubscriber {
    /// Receives and handles events of the channels and patterns given at creation; see ``run(channels:patterns:)``.
    public func run() async throws { try await run(channels: channels, patterns: patterns) }

    /// Receives and handles events until a graceful shutdown, after which it returns, or cancellation, after which it
    /// throws `CancellationError`.
    ///
    /// A channel that a pattern matches too is received twice, as Redis sends it. May be called again after it ended.
    /// A handler that ignores cancellation is waited for, whatever `drainTimeout` says: Swift cannot end a task.
    ///
    /// Throws ``EventBusError`` with `invalidArgument` for an option or empty name, `alreadyRunning`, `subscribeFailed`
    /// when Redis does not confirm in time, `subscriptionEnded` when the client is closed meanwhile.
    public func run(channels: [String], patterns: [String] = []) async throws {
        try validate(channels: channels, patterns: patterns)
        try begin()
        defer { activity.withLock { $0 = Activity() } }
        guard let subscription = try await subscribe(channels, patterns) else { return }
        logger.debug(
            "subscribed",
            metadata: ["channels": .stringConvertible(channels.count), "patterns": .stringConvertible(patterns.count)])
        options.onSubscribed?()
        let run = SubscriberRun(subscriber: self, subscription: subscription)
        activity.withLock { $0.run = run }
        let isUnexpected = await run.run()
        await subscription.cancel()
        try Task.checkCancellation()
        if isUnexpected {
            throw EventBusError(
                .subscriptionEnded, operation: "run",
                message: "the subscription ended, usually because the client was closed")
        }
    }

    private func validate(channels: [String], patterns: [String]) throws(EventBusError) {
        try options.validate()
        if channels.isEmpty, patterns.isEmpty {
            throw EventBusError(
                .invalidArgument, operation: "run",
                message: "there is nothing to subscribe to; name a channel or pattern")
        }
        if channels.contains("") || patterns.contains("") {
            throw EventBusError(.invalidArgument, operation: "run", message: "a channel or pattern is empty; name it")
        }
    }

    private func begin() throws(EventBusError) {
        let isFirst = activity.withLock { activity in
            defer { activity.isRunning = true }
            return !activity.isRunning
        }
        if !isFirst {
            throw EventBusError(
                .alreadyRunning, operation: "run",
                message: "this subscriber runs already; make a second one or name all channels in one run")
        }
    }

    /// nil when a graceful shutdown came first.
    private func subscribe(_ channels: [String], _ patterns: [String]) async throws -> (any EventSubscription)? {
        if Task.isShuttingDownGracefully { return nil }
        do {
            return try await cancelWhenGracefulShutdown {
                try await self.backend.subscribe(channels: channels, patterns: patterns, buffer: self.options.buffer)
            }
        } catch {
            try Task.checkCancellation()
            if Task.isShuttingDownGracefully { return nil }
            throw error
        }
    }
}
