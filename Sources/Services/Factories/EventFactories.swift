import EventBus
import RedisCore

extension ServiceFactory {
    /// `event_publisher`: an `EventPublisher`.
    ///
    /// `source`, the name of this program, is needed beside the connection.
    public static let eventPublisher = ServiceFactory("event_publisher") { settings in
        (redis: settings.redis(), source: settings.requiredText("source"))
    } make: { settings, clients in
        EventPublisher(clients.client(settings.redis), source: settings.source)
    }

    /// `event_subscriber`: an `EventSubscriber`, which takes its handlers in code and is run by you.
    ///
    /// Beside the connection: `channels`, `patterns` (at least one of all), `concurrency` (32).
    public static let eventSubscriber = ServiceFactory("event_subscriber") { settings in
        let redis = settings.redis()
        let (channels, patterns) = (settings.texts("channels"), settings.texts("patterns"))
        if channels.isEmpty, patterns.isEmpty {
            settings.report("channels", "is missing: a subscriber needs a channel or a pattern")
        }
        let concurrency = settings.integer("concurrency", in: 1...1_000_000, default: 32)
        return (redis: redis, channels: channels, patterns: patterns, concurrency: concurrency)
    } make: { settings, clients in
        var options = EventSubscriber.Options()
        options.concurrency = settings.concurrency
        return EventSubscriber(
            clients.client(settings.redis), channels: settings.channels, patterns: settings.patterns, options: options)
    }
}
