import FoundationEssentials
import RedisCore

/// The event by which a writer says what has changed, in the form that all events here have.
///
/// ```json
/// {"type":"cache.invalidate","payload":{"entity":"user","id":"7","change":"updated"},
///  "timestamp":"2026-11-21T08:53:04.123456Z","source":"api"}
/// ```
struct InvalidationEvent: Sendable, Equatable {
    static let type = "cache.invalidate"

    /// What happened to the object.
    enum Change: String, Codable, Sendable {
        case created
        case updated
        case deleted
        /// Changed, and its writer has put the new value into the cache.
        case stored
    }

    let entity: String
    /// nil for the entity as a whole.
    let id: String?
    let change: Change

    /// What readers of the cache must not be given any more.
    var invalidation: Invalidation {
        guard let id else { return change == .created ? .lists(entity: entity) : .entity(entity) }
        return .object(entity: entity, id: id, keepsEntry: change == .stored)
    }
}

// MARK: - JSON

extension InvalidationEvent {
    private struct Wire: Encodable {
        let type: String
        let payload: Payload
        let timestamp: String?
        let source: String
    }

    private struct Payload: Codable {
        let entity: String
        let id: String?
        let change: Change?

        enum CodingKeys: CodingKey { case entity, id, change }

        init(_ event: InvalidationEvent) { (entity, id, change) = (event.entity, event.id, event.change) }

        init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: CodingKeys.self)
            entity = try container.decode(String.self, forKey: .entity)
            // Writers in other languages have numbers for ids.
            if let number = try? container.decodeIfPresent(Int64.self, forKey: .id) {
                id = String(number)
            } else if let number = try? container.decodeIfPresent(UInt64.self, forKey: .id) {
                id = String(number)
            } else {
                id = try container.decodeIfPresent(String.self, forKey: .id)
            }
            // Whatever it is, something has changed.
            let word = try? container.decodeIfPresent(String.self, forKey: .change)
            change = word.flatMap { Change(rawValue: $0) }
        }
    }

    /// The event as it is published.
    func json(source: String, at date: Date) throws -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return try encoder.encode(
            Wire(type: Self.type, payload: Payload(self), timestamp: RFC3339.string(date), source: source))
    }

    enum Reading: Sendable, Equatable {
        case event(InvalidationEvent)
        /// An event of somebody else on the same channel.
        case foreign
        /// No event, or one of this type that does not say what has changed.
        case unreadable(isOurs: Bool)
    }

    /// Larger messages are not decoded.
    static let longest = 16 << 10

    /// What a message says; everything in it is untrusted.
    static func read(_ bytes: [UInt8]) -> Reading {
        struct Kind: Decodable { let type: String }
        struct Body: Decodable { let payload: Payload }
        guard bytes.count <= longest else { return namesType(bytes) ? .unreadable(isOurs: true) : .foreign }
        let data = Data(bytes)
        guard let kind = try? JSONDecoder().decode(Kind.self, from: data) else {
            return .unreadable(isOurs: namesType(bytes))
        }
        guard kind.type == type else { return .foreign }
        guard let payload = try? JSONDecoder().decode(Body.self, from: data).payload else {
            return .unreadable(isOurs: true)
        }
        // A writer that says no more means the strongest.
        let event = InvalidationEvent(entity: payload.entity, id: payload.id, change: payload.change ?? .updated)
        do throws(CacheError) {
            try InvalidationNames.check(event.entity, id: event.id, operation: "invalidate")
            return .event(event)
        } catch {
            return .unreadable(isOurs: true)
        }
    }

    /// Whether what cannot be decoded may be one of ours: taking too much for it ends too much, never too little.
    private static func namesType(_ bytes: [UInt8]) -> Bool {
        let name = Array(type.utf8)
        guard bytes.count >= name.count else { return false }
        return (0...bytes.count - name.count).contains { start in
            bytes[start] == name[0] && bytes[start...].starts(with: name)
        }
    }
}
