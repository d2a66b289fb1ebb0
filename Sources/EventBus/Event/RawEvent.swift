public import FoundationEssentials

/// An event as it came from the wire, its payload still encoded.
///
/// The whole text is known to be valid JSON in UTF-8 within the limits it was read with. Copies share one storage.
public struct RawEvent: Sendable {
    /// What the reader found; only `trace` and the payload are decoded later, by whoever wants them.
    final class Storage: Sendable {
        let bytes: [UInt8]
        let fields: EnvelopeFields

        init(bytes: [UInt8], fields: EnvelopeFields) {
            self.bytes = bytes
            self.fields = fields
        }
    }

    let storage: Storage

    init(bytes: [UInt8], fields: EnvelopeFields) { storage = Storage(bytes: bytes, fields: fields) }

    /// Reads one event from a file, a program's standard input, or wherever else it was kept.
    ///
    /// Throws ``EventBusError/Code/tooLarge`` beyond the limits and ``EventBusError/Code/decoding`` when the bytes are
    /// no event; the message names the place.
    public init(json: some Sequence<UInt8>, limits: EventLimits = .init()) throws(EventBusError) {
        do {
            self = try EnvelopeReader(limits: limits).read(Array(json))
        } catch {
            throw error.asError(operation: "decode", channel: nil)
        }
    }

    /// The wire name, such as `order.placed`; never empty.
    public var type: String { storage.fields.type }
    /// When it was published, by the publisher's clock; Go's zero time (year 1) when the publisher did not say.
    public var timestamp: Date { storage.fields.timestamp }
    /// Who published it; empty when the publisher did not say.
    public var source: String { storage.fields.source }
    /// The event's id, when there is one; a number is given as its digits.
    public var id: String? { storage.fields.id }
    /// The payload's schema version, when there is one.
    public var version: Int? { storage.fields.version }

    /// The payload's JSON; `null` when the envelope has none.
    public var payload: Data {
        guard let range = storage.fields.payload else { return Data("null".utf8) }
        return Data(storage.bytes[range])
    }

    /// Trace propagation fields such as `traceparent`; members that are not text are left out.
    public var trace: [String: String]? {
        guard let range = storage.fields.trace else { return nil }
        return EnvelopeReader.strings(of: range, in: storage.bytes)
    }

    /// The whole envelope as it arrived, unknown fields included.
    public var json: Data { Data(storage.bytes) }

    /// Decodes the payload; throws ``EventBusError/Code/decoding`` that names the field but never its value.
    public func decodePayload<P: Decodable>(
        as type: P.Type = P.self, using decoder: JSONDecoder = EventJSON.decoder
    ) throws(EventBusError) -> P {
        do {
            return try decoder.decode(type, from: payload)
        } catch {
            throw EventBusError(
                .decoding, operation: "decode", eventType: self.type,
                message: "the payload of \(LogText.short(self.type)) is no \(P.self): \(EventJSON.place(of: error))",
                underlying: error)
        }
    }
}
