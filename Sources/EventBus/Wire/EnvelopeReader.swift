import FoundationEssentials
import RedisCore

/// Why a message is no event.
enum EnvelopeFault: Error, Equatable {
    case tooLarge(size: Int, limit: Int)
    case notUTF8
    case tooDeep(limit: Int)
    /// What is wrong, in words that contain nothing of the message but positions and field names.
    case malformed(String)

    func asError(operation: String, channel: String?) -> EventBusError {
        let (code, message): (EventBusError.Code, String) =
            switch self {
            case .tooLarge(let size, let limit):
                (.tooLarge, "the event has \(size) bytes, more than the limit of \(limit) (limits.maxSize)")
            case .notUTF8: (.decoding, "the message is not UTF-8")
            case .tooDeep(let limit):
                (.decoding, "the message is nested deeper than \(limit) levels (limits.maxDepth)")
            case .malformed(let reason): (.decoding, "the message is no event: \(reason)")
            }
        return EventBusError(code, operation: operation, channel: channel, message: message)
    }
}

/// What the envelope says; trace and payload are places in its text.
struct EnvelopeFields: Sendable {
    var type = ""
    var source = ""
    var timestamp = RFC3339.zeroTime
    var id: String?
    var version: Int?
    var payload: Range<Int>?
    var trace: Range<Int>?
}

/// Reads the envelope of requirement 003 as Go's `encoding/json` does: unknown fields are skipped, a missing or null
/// field has its zero value, the last of equal keys counts; only `type` must be there.
///
/// One pass over the bytes proves that all of it is JSON within the limits; the payload is only located.
/// The optional fields `id`, `version` and `trace` belong to nobody's contract but ours, so a foreign event that uses
/// those names for something else is still an event: what does not fit is left out.
struct EnvelopeReader: Sendable {
    var limits: EventLimits

    func read(_ bytes: [UInt8]) throws(EnvelopeFault) -> RawEvent {
        guard bytes.count <= limits.maxSize else { throw .tooLarge(size: bytes.count, limit: limits.maxSize) }
        do { _ = try UTF8Span(validating: bytes.span) } catch { throw .notUTF8 }
        let fields = try Self.members(of: bytes, maxDepth: limits.maxDepth, into: EnvelopeFields()) {
            fields, member throws(EnvelopeFault) in try Self.take(member, of: bytes, into: &fields)
        }
        guard !fields.type.isEmpty else { throw .malformed("the field type is missing or empty") }
        return RawEvent(bytes: bytes, fields: fields)
    }

    /// The members of an object whose values are text.
    static func strings(of range: Range<Int>, in bytes: [UInt8]) -> [String: String]? {
        let object = Array(bytes[range])
        // The reader has been over these bytes before, so nothing can be thrown any more.
        return try? members(of: object, maxDepth: .max, into: [String: String]()) {
            (result, member) throws(EnvelopeFault) in
            if let value = string(member.value, in: object) { result[key(of: member, in: object)] = value }
        }
    }

    /// Folds over the members of the object that is the whole of `bytes`.
    private static func members<Result>(
        of bytes: [UInt8], maxDepth: Int, into initial: Result,
        _ body: (inout Result, JSONScanner.Member) throws(EnvelopeFault) -> Void
    ) throws(EnvelopeFault) -> Result {
        var scanner = JSONScanner(maxDepth: maxDepth)
        var result = initial
        do throws(JSONScanner.Fault) {
            try scanner.beginObject(bytes.span)
        } catch {
            throw fault(error, maxDepth)
        }
        var count = 0
        while true {
            let member: JSONScanner.Member?
            do throws(JSONScanner.Fault) {
                member = try scanner.nextMember(bytes.span, after: count)
                if member == nil { try scanner.expectEnd(bytes.span) }
            } catch {
                throw fault(error, maxDepth)
            }
            guard let member else { return result }
            try body(&result, member)
            count += 1
        }
    }

    private static func fault(_ fault: JSONScanner.Fault, _ maxDepth: Int) -> EnvelopeFault {
        switch fault {
        case .malformed(let index): .malformed("byte \(index) is not what JSON allows there")
        case .tooDeep: .tooDeep(limit: maxDepth)
        }
    }

    private static func take(
        _ member: JSONScanner.Member, of bytes: [UInt8], into fields: inout EnvelopeFields
    ) throws(EnvelopeFault) {
        guard let name = EnvelopeField(key(of: member, in: bytes)) else { return }
        let value = member.value
        if bytes[value.lowerBound] == UInt8(ascii: "n") { return }
        switch name {
        case .type: fields.type = try text(value, "type", in: bytes)
        case .source: fields.source = try text(value, "source", in: bytes)
        case .payload: fields.payload = value
        case .timestamp: fields.timestamp = try date(value, in: bytes)
        case .id: fields.id = string(value, in: bytes) ?? number(value, in: bytes)
        case .version: fields.version = number(value, in: bytes).flatMap { Int($0) }
        case .trace: fields.trace = bytes[value.lowerBound] == UInt8(ascii: "{") ? value : nil
        }
    }

    private static func key(of member: JSONScanner.Member, in bytes: [UInt8]) -> String {
        JSONString.decode(member.key, hasEscapes: member.keyHasEscapes, in: bytes)
    }

    private static func date(_ value: Range<Int>, in bytes: [UInt8]) throws(EnvelopeFault) -> Date {
        // Text without escapes, which is all there ever is, is read in place.
        let isText = value.count > 2 && bytes[value.lowerBound] == UInt8(ascii: "\"")
        guard isText, let date = RFC3339.parse(bytes.span.extracting((value.lowerBound + 1)..<(value.upperBound - 1)))
        else { throw .malformed("the field timestamp is no RFC 3339 date") }
        return date
    }

    private static func text(
        _ value: Range<Int>, _ field: String, in bytes: [UInt8]
    ) throws(EnvelopeFault) -> String {
        guard let text = string(value, in: bytes) else { throw .malformed("the field \(field) is no string") }
        return text
    }

    private static func string(_ value: Range<Int>, in bytes: [UInt8]) -> String? {
        guard bytes[value.lowerBound] == UInt8(ascii: "\"") else { return nil }
        let range = (value.lowerBound + 1)..<(value.upperBound - 1)
        return JSONString.decode(range, hasEscapes: bytes[range].contains(UInt8(ascii: "\\")), in: bytes)
    }

    private static func number(_ value: Range<Int>, in bytes: [UInt8]) -> String? {
        switch bytes[value.lowerBound] {
        case UInt8(ascii: "-"), 48...57: String(decoding: bytes[value], as: UTF8.self)
        default: nil
        }
    }
}

/// The envelope's field names: the four of requirement 003 and our three optional ones.
private enum EnvelopeField: String {
    case type, payload, timestamp, source, id, version, trace

    init?(_ name: String) { self.init(rawValue: name) }
}
