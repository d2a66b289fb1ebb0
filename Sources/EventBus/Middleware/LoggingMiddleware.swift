public import Logging

/// Logs every handler call with its duration, on the event's logger.
///
/// Failures are also logged by the subscriber itself, but only once per interval.
public struct LoggingMiddleware: EventMiddleware {
    private let level: Logger.Level
    private let failureLevel: Logger.Level

    /// Calls that return are logged at `level`, calls that throw at `failureLevel`.
    public init(level: Logger.Level = .debug, failureLevel: Logger.Level = .error) {
        self.level = level
        self.failureLevel = failureLevel
    }

    /// Logs one call after it has ended.
    public func handle(_ event: RawEvent, context: EventContext, next: @escaping EventHandler) async throws {
        let start = ContinuousClock.now
        do {
            try await next(event, context)
        } catch {
            log(context, failureLevel, "event handler failed", since: start, error)
            throw error
        }
        log(context, level, "event handled", since: start, nil)
    }

    private func log(
        _ context: EventContext, _ level: Logger.Level, _ message: Logger.Message,
        since start: ContinuousClock.Instant, _ error: (any Error)?
    ) {
        let logger = context.logger
        guard logger.logLevel <= level else { return }
        var metadata: Logger.Metadata = [
            "handler": .string(context.registration), "duration": .stringConvertible(ContinuousClock.now - start),
        ]
        // A decoding error's own text may quote the payload.
        if let error { metadata["error"] = .string((error as? EventBusError)?.message ?? "\(error)") }
        logger.log(level: level, message, metadata: metadata)
    }
}
