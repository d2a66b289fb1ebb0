public import FoundationEssentials
public import Metrics
public import RedisCore
public import Tracing

/// Publishes events as JSON to channels, **at most once**: who is not subscribed at that moment never sees them.
///
/// A value without state of its own; copies share the connection. Every call is one round trip. Events of one task
/// arrive in the order of its calls. A call that throws ``EventBusError/Code/publishFailed`` may still have delivered:
/// the underlying `RedisError.wasWritten` says whether the bytes were sent. Nothing is sent twice.
public struct EventPublisher: Sendable {
    /// Limits and the encoder.
    public struct Options: Sendable {
        /// What is refused before it is sent; the same defaults as the subscriber's, so what is sent can be read.
        public var limits = EventLimits()
        /// Writes typed payloads.
        public var encoder: JSONEncoder = EventJSON.encoder
        /// Where the counters go; the bootstrapped system unless another is given.
        public var metrics: any MetricsFactory = MetricsSystem.factory
        /// Writes the trace in which an event is published into it; the bootstrapped system unless another is given.
        public var instrument: any Instrument = InstrumentationSystem.instrument

        /// The defaults.
        public init() {}
    }

    private let backend: any EventBackend
    private let writer: EnvelopeWriter
    private let options: Options
    private let published: Counter
    private let failed: Counter

    /// Publishes through Redis; `source` names this program in every event.
    public init(_ redis: RedisClient, source: String, options: Options = .init()) {
        self.init(backend: RedisEventBackend(redis), source: source, options: options)
    }

    /// Publishes inside this process.
    public init(_ bus: InMemoryEventBus, source: String, options: Options = .init()) {
        self.init(backend: bus, source: source, options: options)
    }

    init(backend: any EventBackend, source: String, options: Options) {
        self.backend = backend
        self.options = options
        writer = EnvelopeWriter(source: source)
        published = Counter(label: EventMetrics.published, factory: options.metrics)
        failed = Counter(label: EventMetrics.publishFailed, factory: options.metrics)
    }

    /// Publishes one event and returns how many connections got it.
    ///
    /// Several subscribers behind one connection count once; 0 is no error.
    /// Throws `encoding`, `invalidArgument` or `tooLarge` before anything is sent, `publishFailed` after.
    @discardableResult
    public func publish<P: EventPayload>(
        _ payload: P, id: String? = nil, to channel: String
    ) async throws(EventBusError) -> Int {
        try await publish(OutgoingEvent(payload, id: id, channel: channel, encoder: options.encoder))
    }

    /// Publishes a payload that is JSON already under a type name; throws `encoding` when it is not JSON.
    @discardableResult
    public func publish(
        type: String, payloadJSON: Data, id: String? = nil, to channel: String
    ) async throws(EventBusError) -> Int {
        try await publish(OutgoingEvent(type: type, payloadJSON: payloadJSON, id: id, channel: channel))
    }

    /// Publishes one prepared event.
    @discardableResult
    public func publish(_ event: OutgoingEvent) async throws(EventBusError) -> Int {
        do throws(EventBusError) {
            let count = try await backend.publish(encode(event), to: event.channel)
            published.increment()
            return count
        } catch {
            failed.increment()
            throw error
        }
    }

    /// Publishes many payloads of one type to one channel in one round trip.
    ///
    /// Returns each one's count or error, in order; see the method for ``OutgoingEvent``s.
    @discardableResult
    public func publish<P: EventPayload>(
        _ payloads: [P], to channel: String
    ) async throws(EventBusError) -> [Result<Int, EventBusError>] {
        try await send(
            payloads.map { payload in
                Result { () throws(EventBusError) in
                    try OutgoingEvent(payload, channel: channel, encoder: options.encoder)
                }
            })
    }

    /// Publishes many events in one round trip and returns each one's count or error, in order.
    ///
    /// An event that cannot be sent does not hold up the others. Throws only when nothing is known about any of them.
    @discardableResult
    public func publish(_ batch: [OutgoingEvent]) async throws(EventBusError) -> [Result<Int, EventBusError>] {
        try await send(batch.map { .success($0) })
    }

    private func send(
        _ batch: [Result<OutgoingEvent, EventBusError>]
    ) async throws(EventBusError) -> [Result<Int, EventBusError>] {
        let encoded = batch.map { event in
            event.flatMap { event in
                Result { () throws(EventBusError) in OutgoingMessage(channel: event.channel, payload: try encode(event))
                }
            }
        }
        let messages = encoded.compactMap { try? $0.get() }
        let outcomes: [Result<Int, EventBusError>]
        do throws(EventBusError) {
            outcomes = messages.isEmpty ? [] : try await backend.publish(messages)
        } catch {
            failed.increment(by: batch.count)
            throw error
        }
        var next = outcomes.makeIterator()
        let results = encoded.map { message in message.flatMap { _ in next.next() ?? .failure(Self.unanswered) } }
        let succeeded = results.count { if case .success = $0 { true } else { false } }
        published.increment(by: succeeded)
        failed.increment(by: results.count - succeeded)
        return results
    }

    private static let unanswered = EventBusError(
        .publishFailed, operation: "publish", message: "the server answered fewer commands than were sent")

    private func encode(_ event: OutgoingEvent) throws(EventBusError) -> [UInt8] {
        try event.validate(maxDepth: options.limits.maxDepth)
        guard let bytes = writer.write(event, trace: TraceFields.current(options.instrument)) else {
            throw EventBusError(
                .invalidArgument, operation: "publish", channel: event.channel, eventType: event.type,
                message: "the timestamp's year is not in 1...9999")
        }
        guard bytes.count <= options.limits.maxSize else {
            let fault = EnvelopeFault.tooLarge(size: bytes.count, limit: options.limits.maxSize)
            throw fault.asError(operation: "publish", channel: event.channel)
        }
        return bytes
    }
}

extension OutgoingEvent {
    /// A payload that is not exactly one JSON value could add or hide fields of the envelope around it.
    fileprivate func validate(maxDepth: Int) throws(EventBusError) {
        func refuse(_ code: EventBusError.Code, _ message: String) -> EventBusError {
            EventBusError(code, operation: "publish", channel: channel, eventType: type, message: message)
        }
        if channel.isEmpty { throw refuse(.invalidArgument, "the channel is empty; name one") }
        if type.isEmpty { throw refuse(.invalidArgument, "the event type is empty; name one") }
        if isTrusted { return }
        let bytes = Array(payload)
        do { _ = try UTF8Span(validating: bytes.span) } catch { throw refuse(.encoding, "the payload is not UTF-8") }
        do throws(JSONScanner.Fault) {
            var scanner = JSONScanner(maxDepth: maxDepth - 1)
            try scanner.skipValue(bytes.span)
            try scanner.expectEnd(bytes.span)
        } catch {
            switch error {
            case .malformed(let index): throw refuse(.encoding, "the payload is no JSON at byte \(index)")
            case .tooDeep: throw refuse(.encoding, "the payload is nested deeper than \(maxDepth - 1) levels")
            }
        }
    }
}
