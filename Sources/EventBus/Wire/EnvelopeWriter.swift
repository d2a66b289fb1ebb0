import FoundationEssentials
import RedisCore

/// Writes the envelope of requirement 003: its fields in the order of Go's struct, then the optional ones.
struct EnvelopeWriter: Sendable {
    /// `,"source":"…"`, escaped once.
    private let source: [UInt8]

    init(source: String) {
        var bytes = Array(#","source":"#.utf8)
        JSONString.append(source, to: &bytes)
        self.source = bytes
    }

    /// The event as JSON; nil when the timestamp's year is not in 1...9999.
    func write(_ event: OutgoingEvent, trace: [String: String]) -> [UInt8]? {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(event.payload.count + event.type.utf8.count + source.count + 96)
        bytes.append(contentsOf: #"{"type":"#.utf8)
        JSONString.append(event.type, to: &bytes)
        bytes.append(contentsOf: #","payload":"#.utf8)
        bytes.append(contentsOf: event.payload)
        bytes.append(contentsOf: #","timestamp":""#.utf8)
        guard RFC3339.append(event.timestamp, to: &bytes) else { return nil }
        bytes.append(UInt8(ascii: "\""))
        bytes.append(contentsOf: source)
        if let id = event.id {
            bytes.append(contentsOf: #","id":"#.utf8)
            JSONString.append(id, to: &bytes)
        }
        if let version = event.version {
            bytes.append(contentsOf: #","version":\#(version)"#.utf8)
        }
        if !trace.isEmpty { Self.append(trace, to: &bytes) }
        bytes.append(UInt8(ascii: "}"))
        return bytes
    }

    private static func append(_ trace: [String: String], to bytes: inout [UInt8]) {
        bytes.append(contentsOf: #","trace":{"#.utf8)
        for (offset, field) in trace.sorted(by: { $0.key < $1.key }).enumerated() {
            if offset > 0 { bytes.append(UInt8(ascii: ",")) }
            JSONString.append(field.key, to: &bytes)
            bytes.append(UInt8(ascii: ":"))
            JSONString.append(field.value, to: &bytes)
        }
        bytes.append(UInt8(ascii: "}"))
    }
}
