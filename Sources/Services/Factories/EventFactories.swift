import EventBus
import RedisCore

extension ServiceFactory {
    /// `event_publisher`: an `EventPublisher`.
    ///
    /// `source`, the name of this program, is needed. Beside it and the connection: `limits`.
    public static let eventPublisher = ServiceFactory("event_publisher") { settings in
        (
            redis: settings.redis(), source: settings.requiredText("source"),
            limits: settings.section("limits") { $0.eventLimits() }
        )
    } make: { settings, clients in
        var options = EventPublisher.Options()
        options.limits = settings.limits
        return EventPublisher(clients.client(settings.redis), source: settings.source, options: options)
    }

    /// `event_subscriber`: an `EventSubscriber`, which takes its handlers in code and is run by you.
    ///
    /// Beside the connection: `channels`, `patterns` (at least one of all), `concurrency` (32), `buffer`,
    /// `drain_timeout` (25 s), `limits`, `log_interval` (10 s).
    public static let eventSubscriber = ServiceFactory("event_subscriber") { settings in
        let redis = settings.redis()
        let (channels, patterns) = (settings.texts("channels"), settings.texts("patterns"))
        if channels.isEmpty, patterns.isEmpty {
            settings.report("channels", "is missing: a subscriber needs a channel or a pattern")
        }
        return (redis: redis, channels: channels, patterns: patterns, tuning: SubscriberTuning(&settings))
    } make: { settings, clients in
        var options = EventSubscriber.Options()
        settings.tuning.apply(to: &options)
        return EventSubscriber(
            clients.client(settings.redis), channels: settings.channels, patterns: settings.patterns, options: options)
    }
}

/// The options of a subscriber that a file can hold.
private struct SubscriberTuning: Sendable {
    private let concurrency: Int
    private let buffer: SubscriptionBuffer
    private let drainTimeout: Duration
    private let limits: EventLimits
    private let logInterval: Duration

    init(_ settings: inout ServiceSettings) {
        let usual = EventSubscriber.Options()
        let times = Duration.zero ... .seconds(86_400)
        concurrency = settings.integer("concurrency", in: 1...1_000_000, default: usual.concurrency)
        buffer = settings.section("buffer") { $0.subscriptionBuffer() }
        drainTimeout = settings.duration("drain_timeout", in: times, default: usual.drainTimeout)
        limits = settings.section("limits") { $0.eventLimits() }
        logInterval = settings.duration("log_interval", in: times, default: usual.logInterval)
    }

    func apply(to options: inout EventSubscriber.Options) {
        options.concurrency = concurrency
        options.buffer = buffer
        options.drainTimeout = drainTimeout
        options.limits = limits
        options.logInterval = logInterval
    }
}

extension ServiceSettings {
    fileprivate mutating func eventLimits() -> EventLimits {
        let usual = EventLimits()
        return EventLimits(
            maxSize: bytes("max_size", in: Self.valueBytes, default: usual.maxSize),
            maxDepth: integer("max_depth", in: 1...512, default: usual.maxDepth))
    }

    fileprivate mutating func subscriptionBuffer() -> SubscriptionBuffer {
        let usual = SubscriptionBuffer()
        let words = ["drop_oldest", "drop_newest", "block_reading"]
        let overflow: SubscriptionBuffer.Overflow =
            switch choice("overflow", of: words, default: "drop_oldest") {
            case "drop_newest": .dropNewest
            case "block_reading": .blockReading
            default: .dropOldest
            }
        return SubscriptionBuffer(
            capacity: integer("capacity", in: 1...Int(Int32.max), default: usual.capacity),
            maxBytes: bytes("max_bytes", in: 1...1 << 40, default: usual.maxBytes),
            overflow: overflow)
    }
}
