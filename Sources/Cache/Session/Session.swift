public import FoundationEssentials
import RedisCore

/// A session that somebody is in: its id, and what the store knows of it.
///
/// All of ``SessionInfo`` reads as if it were its own: `session.userID`, `session.data`. As JSON it has the fields
/// `id`, `user_id`, `data`, `created_at`, `expires_at`, and `tenant_id`, `metadata`, `version`, `last_seen_at`,
/// `ends_at`; dates are RFC 3339. That text contains the id: it is for the session's owner only.
@dynamicMemberLookup
public struct Session<Value: Codable & Sendable>: Sendable {
    /// The secret that the user's browser or app keeps.
    public let id: SessionID
    /// The rest.
    public let info: SessionInfo<Value>

    init(id: SessionID, info: SessionInfo<Value>) {
        self.id = id
        self.info = info
    }

    /// A field of ``info``.
    public subscript<T>(dynamicMember path: KeyPath<SessionInfo<Value>, T>) -> T { info[keyPath: path] }
}

/// What a store knows of a session, without the id: what a list of devices shows.
///
/// Times are the server's. As JSON it is a ``Session`` whose `id` is its reference.
public struct SessionInfo<Value: Codable & Sendable>: Sendable {
    /// Its name for lists and logs; stays until the id is rotated.
    public let reference: SessionReference
    /// Whose it is.
    public let userID: String
    /// The tenant it was begun in, if one was named.
    public let tenantID: String?
    /// Short texts about it: the device, its address.
    public let metadata: [String: String]
    /// The application's own.
    public let data: Value
    /// 1, and one more with each update.
    public let version: Int64
    /// When it was created; rotating does not change it.
    public let createdAt: Date
    /// When it was last refreshed or touched.
    public let lastSeenAt: Date
    /// When it ends unless it is refreshed before.
    public let expiresAt: Date
    /// When it ends, however often it is refreshed.
    public let endsAt: Date
}

extension SessionInfo: Equatable where Value: Equatable {}
extension Session: Equatable where Value: Equatable {}

/// What an update may change.
public struct SessionContent<Value: Codable & Sendable>: Sendable {
    /// The application's own.
    public var data: Value
    /// Short texts about the session.
    public var metadata: [String: String]
}

// MARK: - JSON

private enum SessionField: String, CodingKey {
    case id, data, metadata, version
    case userID = "user_id"
    case tenantID = "tenant_id"
    case createdAt = "created_at"
    case lastSeenAt = "last_seen_at"
    case expiresAt = "expires_at"
    case endsAt = "ends_at"
}

extension Session: Codable {
    /// Reads the JSON form; what is missing besides `id`, `user_id`, `data`, `created_at` and `expires_at` is filled
    /// in.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: SessionField.self)
        id = try container.decode(SessionID.self, forKey: .id)
        info = try SessionInfo(container, id.reference ?? SessionReference(tag: "", name: ""))
    }

    /// Writes the JSON form, whatever the encoder's strategies for dates and keys.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: SessionField.self)
        try container.encode(id, forKey: .id)
        try info.encode(to: &container)
    }
}

extension SessionInfo: Codable {
    /// Reads the JSON form.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: SessionField.self)
        try self.init(container, try container.decode(SessionReference.self, forKey: .id))
    }

    /// Writes the JSON form, whatever the encoder's strategies for dates and keys.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: SessionField.self)
        try container.encode(reference, forKey: .id)
        try encode(to: &container)
    }

    fileprivate init(_ container: KeyedDecodingContainer<SessionField>, _ reference: SessionReference) throws {
        func date(_ field: SessionField) throws -> Date? {
            guard let text = try container.decodeIfPresent(String.self, forKey: field) else { return nil }
            guard let date = RFC3339.parse(text) else {
                throw DecodingError.dataCorruptedError(
                    forKey: field, in: container, debugDescription: "not an RFC 3339 date")
            }
            return date
        }
        func needed(_ field: SessionField) throws -> Date {
            guard let date = try date(field) else {
                throw DecodingError.keyNotFound(
                    field, .init(codingPath: container.codingPath, debugDescription: "a date is missing"))
            }
            return date
        }
        let created = try needed(.createdAt)
        let expires = try needed(.expiresAt)
        self.init(
            reference: reference, userID: try container.decode(String.self, forKey: .userID),
            tenantID: try container.decodeIfPresent(String.self, forKey: .tenantID),
            metadata: try container.decodeIfPresent([String: String].self, forKey: .metadata) ?? [:],
            data: try container.decode(Value.self, forKey: .data),
            version: try container.decodeIfPresent(Int64.self, forKey: .version) ?? 1, createdAt: created,
            lastSeenAt: try date(.lastSeenAt) ?? created, expiresAt: expires, endsAt: try date(.endsAt) ?? expires)
    }

    fileprivate func encode(to container: inout KeyedEncodingContainer<SessionField>) throws {
        try container.encode(userID, forKey: .userID)
        try container.encodeIfPresent(tenantID, forKey: .tenantID)
        try container.encode(metadata, forKey: .metadata)
        try container.encode(data, forKey: .data)
        try container.encode(version, forKey: .version)
        let dates = [(createdAt, SessionField.createdAt), (lastSeenAt, .lastSeenAt), (expiresAt, .expiresAt)]
        for (date, field) in dates + [(endsAt, .endsAt)] {
            try container.encode(RFC3339.string(date), forKey: field)
        }
    }
}
