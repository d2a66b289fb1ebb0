public import FoundationEssentials
public import Logging

/// Where a handled event came from, and a logger that says so.
public struct EventContext: Sendable {
    /// The event as it arrived.
    public let event: RawEvent
    /// The channel it was published to.
    public let channel: String
    /// The pattern that matched; nil when the channel itself was subscribed to.
    public let pattern: String?
    /// What the handler was registered for, an event type or `*`; safe as a metric's label, unlike ``type``.
    public let registration: String

    private let baseLogger: Logger

    /// Builds a context, for tests of handlers and middleware.
    public init(
        event: RawEvent, channel: String, pattern: String? = nil, registration: String? = nil, logger: Logger
    ) {
        self.event = event
        self.channel = channel
        self.pattern = pattern
        self.registration = registration ?? event.type
        baseLogger = logger
    }

    /// The event's wire name.
    public var type: String { event.type }
    /// Who published it; empty when the publisher did not say.
    public var source: String { event.source }
    /// When it was published, by the publisher's clock.
    public var timestamp: Date { event.timestamp }
    /// The event's id, when the publisher gave one.
    public var id: String? { event.id }
    /// The payload's schema version, when the publisher gave one.
    public var version: Int? { event.version }
    /// Trace propagation fields, when the publisher gave some.
    public var trace: [String: String]? { event.trace }

    /// A logger with the event's type, channel and id as metadata; built when asked for.
    public var logger: Logger {
        var logger = baseLogger
        logger[metadataKey: "event_type"] = .string(LogText.short(type))
        logger[metadataKey: "channel"] = .string(LogText.short(channel))
        if let id { logger[metadataKey: "event_id"] = .string(LogText.short(id)) }
        return logger
    }
}
