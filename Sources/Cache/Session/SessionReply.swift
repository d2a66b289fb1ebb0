import FoundationEssentials
import RedisCore

/// What a session script answered.
struct SessionReply: RedisDecodable {
    enum State: Int64, Sendable {
        case unknown = 0
        case active, expired, revoked
        /// Somebody else was faster; the record is theirs.
        case conflict
        /// Nobody knows whether the first try of an update was executed; only a repetition is told so.
        case ambiguous
    }

    let state: State
    /// Of an active session.
    let record: SessionRecord?
    /// Members of sessions that were pushed out.
    let evicted: [String]

    static func decode(_ reply: borrowing RedisReply) throws(RedisError) -> SessionReply {
        guard let state = State(rawValue: try reply.decode(0)) else {
            throw RedisError(.decoding, operation: "session", message: "Cannot read the reply: an unknown state.")
        }
        guard reply.count >= 10 else { return SessionReply(state: state, record: nil, evicted: []) }
        let record = SessionRecord(
            createdAt: try reply.decode(1), expiresAt: try reply.decode(2), seenAt: try reply.decode(3),
            endsAt: try reply.decode(4), version: try reply.decode(5), userID: try reply.decode(6),
            tenantID: try reply.decode(7), metadata: try reply.decode(8), data: try reply.decode(9))
        return SessionReply(
            state: state, record: record, evicted: reply.count > 10 ? try reply.decode(10) : [])
    }
}

/// A session as stored; times are the server's, µs.
struct SessionRecord: Sendable {
    var createdAt: Int64
    var expiresAt: Int64
    var seenAt: Int64
    var endsAt: Int64
    var version: Int64
    var userID: String
    var tenantID: String?
    /// JSON; nil for none, or when the sender knows it.
    var metadata: Data?
    /// JSON; nil when the sender knows it.
    var data: Data?
}

/// Between sessions and what is stored of them.
struct SessionCoder: Sendable {
    let maxBytes: Int
    private let json = JSONCacheSerializer()

    init(maxBytes: Int) { self.maxBytes = maxBytes }

    func encode(_ value: some Encodable, _ what: String, _ operation: String) throws(CacheError) -> Data {
        let bytes: Data
        do {
            bytes = try json.encode(value)
        } catch {
            throw CacheError(
                .unencodable, operation: operation,
                message: "\(what) cannot be turned into JSON: \(CodingPlace.of(error))")
        }
        guard bytes.count <= maxBytes else {
            throw CacheError(
                .tooLarge, operation: operation,
                message: "\(what) has \(bytes.count) bytes; the store takes \(maxBytes)")
        }
        return bytes
    }

    /// Empty for none.
    func encode(metadata: [String: String], _ operation: String) throws(CacheError) -> Data {
        metadata.isEmpty ? Data() : try encode(metadata, "a session's metadata", operation)
    }

    func content<Value>(_ record: SessionRecord, _ operation: String) throws(CacheError) -> SessionContent<Value> {
        do {
            return SessionContent(
                data: try json.decode(Value.self, from: record.data ?? Data()),
                metadata: try record.metadata.map { try json.decode([String: String].self, from: $0) } ?? [:])
        } catch {
            throw CacheError(
                .undecodable, operation: operation,
                message: "the session's data is no \(Value.self): \(CodingPlace.of(error))")
        }
    }
}

extension SessionInfo {
    init(_ reference: SessionReference, _ record: SessionRecord, _ content: SessionContent<Value>) {
        func date(_ microseconds: Int64) -> Date { Date(timeIntervalSince1970: Double(microseconds) / 1e6) }
        self.init(
            reference: reference, userID: record.userID, tenantID: record.tenantID, metadata: content.metadata,
            data: content.data, version: record.version, createdAt: date(record.createdAt),
            lastSeenAt: date(record.seenAt), expiresAt: date(record.expiresAt), endsAt: date(record.endsAt))
    }
}
