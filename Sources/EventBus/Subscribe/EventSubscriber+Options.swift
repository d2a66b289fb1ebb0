public import FoundationEssentials
public import Metrics
public import RedisCore

extension EventSubscriber {
    /// How events are queued, ordered and handled.
    public struct Options: Sendable {
        /// Events handled at once, 1 or more.
        public var concurrency = 32
        /// Where messages wait, and what happens when there are too many.
        public var buffer = SubscriptionBuffer()
        /// Which events are handled one after the other.
        public var ordering = EventOrdering.none
        /// How long a graceful shutdown lets handlers work, 0 or more.
        public var drainTimeout: Duration = .seconds(25)
        /// What a message may cost before it is refused.
        public var limits = EventLimits()
        /// Wrapped around every handler call, the first outermost.
        public var middleware: [any EventMiddleware] = []
        /// Time between two log lines of one kind of failure.
        public var logInterval: Duration = .seconds(10)
        /// Reads typed payloads.
        public var decoder: JSONDecoder = EventJSON.decoder
        /// Called in every run once the server has confirmed the subscription: events published from then on arrive.
        public var onSubscribed: (@Sendable () -> Void)?
        /// Where the counters go; the bootstrapped system unless another is given.
        public var metrics: any MetricsFactory = MetricsSystem.factory

        /// The defaults.
        public init() {}

        /// Events taken out of the buffer and waiting for a handler, at most.
        var window: Int { max(256, 4 * concurrency) }

        func validate() throws(EventBusError) {
            func refuse(_ message: String) -> EventBusError {
                EventBusError(.invalidArgument, operation: "run", message: message)
            }
            guard (1...1_000_000).contains(concurrency) else {
                throw refuse("concurrency is \(concurrency); use 1...1000000")
            }
            guard buffer.capacity >= 1 else { throw refuse("buffer.capacity is \(buffer.capacity); use 1 or more") }
            guard buffer.maxBytes >= 1 else { throw refuse("buffer.maxBytes is \(buffer.maxBytes); use 1 or more") }
            guard drainTimeout >= .zero else { throw refuse("drainTimeout is \(drainTimeout); use 0 or more") }
            guard logInterval >= .zero else { throw refuse("logInterval is \(logInterval); use 0 or more") }
            try limits.validate(operation: "run")
        }
    }
}
