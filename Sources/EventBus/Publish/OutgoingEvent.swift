public import FoundationEssentials

/// One event of a batch: what to say and where.
public struct OutgoingEvent: Sendable {
    /// The wire name, such as `order.placed`; not empty.
    public var type: String
    /// The payload's JSON.
    public let payload: Data
    /// Where it goes; not empty.
    public var channel: String
    /// Names the event so that a receiver can recognise a repetition; optional.
    public var id: String?
    /// The payload's schema version; optional.
    public var version: Int?
    /// When it happened; its year must be in 1...9999.
    public var timestamp: Date
    /// Our own encoder's output needs no second look.
    let isTrusted: Bool

    /// An event whose payload is JSON already; publishing checks that it is.
    public init(
        type: String, payloadJSON: Data, id: String? = nil, version: Int? = nil, timestamp: Date = Date(),
        channel: String
    ) {
        self.init(
            type: type, payload: payloadJSON, id: id, version: version, timestamp: timestamp, channel: channel,
            isTrusted: false)
    }

    /// An event with a typed payload; throws ``EventBusError/Code/encoding`` when it cannot be encoded.
    public init<P: EventPayload>(
        _ payload: P, id: String? = nil, timestamp: Date = Date(), channel: String,
        encoder: JSONEncoder = EventJSON.encoder
    ) throws(EventBusError) {
        let json: Data
        do {
            json = try encoder.encode(payload)
        } catch {
            throw EventBusError(
                .encoding, operation: "publish", channel: channel, eventType: P.eventType,
                message: "the payload of \(P.eventType) cannot be written as JSON", underlying: error)
        }
        self.init(
            type: P.eventType, payload: json, id: id, version: P.eventVersion, timestamp: timestamp, channel: channel,
            isTrusted: true)
    }

    private init(
        type: String, payload: Data, id: String?, version: Int?, timestamp: Date, channel: String, isTrusted: Bool
    ) {
        self.type = type
        self.payload = payload
        self.id = id
        self.version = version
        self.timestamp = timestamp
        self.channel = channel
        self.isTrusted = isTrusted
    }
}
