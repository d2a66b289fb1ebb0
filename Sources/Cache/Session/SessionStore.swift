/// Where sessions live: in Redis, or in memory for tests.
///
/// ```swift
/// let sessions = RedisSessionStore<Cart>(redis)
/// let session = try await sessions.create(userID: "7", data: Cart())
/// setCookie(session.id.value)
/// …
/// guard let session = try await sessions.get(SessionID(cookie), touching: true) else { return .unauthorized }
/// ```
///
/// Every call throws `unavailable` when the store cannot answer: an outage never looks like "no session", and never
/// like one. A session that is gone is nil for ``get(_:touching:)``, a case for ``lookup(_:touching:)``, and an error
/// for what would change it: `expired`, `revoked`, or `notFound` when it was never there or ended longer ago than is
/// remembered.
public protocol SessionStore<Value>: Sendable {
    /// What the application keeps in a session.
    associatedtype Value: Codable & Sendable

    /// Begins a session; its id is new, whatever the caller had before.
    ///
    /// - Parameters:
    ///   - userID: Whose it is, 1 to 1,024 bytes. Visitors without an account need ids of their own, such as random
    ///     ones.
    ///   - tenantID: Kept with the session. It does not divide users: where ids are unique within a tenant only, give
    ///     each tenant a store of its own prefix.
    ///   - metadata: Short texts such as the device.
    ///   - life: How long it lives; the store's usual when nil.
    func create(
        userID: String, data: Value, tenantID: String?, metadata: [String: String], life: SessionLife?
    ) async throws -> Session<Value>

    /// The session of an id, or why there is none; `touching` refreshes it in the same round trip.
    func lookup(_ id: SessionID, touching: Bool) async throws -> SessionLookup<Value>

    /// Changes data and metadata, as if nobody else did at the same time; times stay as they are.
    ///
    /// - Parameter change: Called again with newer content when somebody else was faster, so without effects outside;
    ///   what it throws ends the update.
    /// - Throws: `conflict` after 100 tries.
    @discardableResult
    func update(
        _ id: SessionID, _ change: @Sendable (inout SessionContent<Value>) throws -> Void
    ) async throws -> Session<Value>

    /// Gives the session a new id and ends the old one, at once: at log-in and when rights change.
    func rotate(_ id: SessionID) async throws -> Session<Value>

    /// Ends a session; true if it was active.
    @discardableResult
    func destroy(_ reference: SessionReference) async throws -> Bool

    /// Ends all sessions of a user at once; how many were active.
    ///
    /// - Parameter kept: One that goes on: the one from which the user asked for it.
    @discardableResult
    func destroyAll(userID: String, except kept: SessionReference?) async throws -> Int

    /// A page of a user's active sessions, those that expire first first.
    ///
    /// Refreshing moves a session towards the end: one that is refreshed while somebody pages may come twice, none is
    /// left out.
    func list(userID: String, after: SessionCursor?, limit: Int) async throws -> SessionPage<Value>
}

extension SessionStore {
    /// Begins a session; as ``create(userID:data:tenantID:metadata:life:)`` with what is not named left out.
    public func create(
        userID: String, data: Value, tenantID: String? = nil, metadata: [String: String] = [:]
    ) async throws -> Session<Value> {
        try await create(userID: userID, data: data, tenantID: tenantID, metadata: metadata, life: nil)
    }

    /// The session of an id, or why there is none.
    public func lookup(_ id: SessionID) async throws -> SessionLookup<Value> { try await lookup(id, touching: false) }

    /// The session of an id; nil when it is unknown or has ended.
    ///
    /// - Parameter touching: Refreshes it in the same round trip.
    public func get(_ id: SessionID, touching: Bool = false) async throws -> Session<Value>? {
        try await lookup(id, touching: touching).session
    }

    /// Lets the session live for its idle time from now, within its longest life; one that is gone stays gone.
    ///
    /// - Throws: `expired`, `revoked`, `notFound`.
    @discardableResult
    public func refresh(_ id: SessionID) async throws -> Session<Value> {
        let found = try await lookup(id, touching: true)
        guard let session = found.session else { throw CacheError.noSession(found.end, operation: "session.refresh") }
        return session
    }

    /// Ends a session; true if it was active.
    @discardableResult
    public func destroy(_ id: SessionID) async throws -> Bool {
        guard let reference = id.reference else { return false }
        return try await destroy(reference)
    }

    /// Ends all sessions of a user at once; how many were active.
    @discardableResult
    public func destroyAll(userID: String) async throws -> Int { try await destroyAll(userID: userID, except: nil) }

    /// All active sessions of a user that can be read, the oldest first, in pages of 100 from the store.
    ///
    /// Those whose data is no `Value` are left out: ``SessionPage/undecodable`` names them, page by page.
    public func list(userID: String) async throws -> [SessionInfo<Value>] {
        var all: [SessionReference: SessionInfo<Value>] = [:]
        var cursor: SessionCursor?
        repeat {
            let page = try await list(userID: userID, after: cursor, limit: 100)
            for session in page.sessions { all[session.reference] = session }
            cursor = page.next
        } while cursor != nil
        return all.values.sorted { ($0.createdAt, $0.reference.name) < ($1.createdAt, $1.reference.name) }
    }
}

/// What stands behind an id.
public enum SessionLookup<Value: Codable & Sendable>: Sendable {
    /// The session.
    case active(Session<Value>)
    /// It was idle too long, or reached its longest life.
    case expired
    /// Somebody ended it: logged out, rotated, or pushed out by newer ones.
    case revoked
    /// There is no such session, or it ended longer ago than ``SessionOptions/endedFor``.
    case unknown

    /// The session, if it is active.
    public var session: Session<Value>? {
        if case .active(let session) = self { session } else { nil }
    }

    /// Why there is none.
    var end: CacheError.Code {
        switch self {
        case .expired: .expired
        case .revoked: .revoked
        case .active, .unknown: .notFound
        }
    }
}

/// Some of a user's sessions.
public struct SessionPage<Value: Codable & Sendable>: Sendable {
    /// Those of this page that could be read.
    public let sessions: [SessionInfo<Value>]
    /// Active sessions of this page whose data is no `Value`; they can be ended.
    public let undecodable: [SessionReference]
    /// Where the next page begins; nil after the last.
    public let next: SessionCursor?
}

/// A place in a list of sessions.
public struct SessionCursor: Sendable, Hashable, Codable {
    /// The expiry of the last session before it: server time, µs.
    let expiry: Int64
}

extension CacheError {
    static func noSession(_ code: Code, operation: String) -> CacheError {
        let text =
            switch code {
            case .expired: "the session has expired; let the user log in again"
            case .revoked: "the session was ended; let the user log in again"
            default: "there is no such session, or it ended long ago; let the user log in"
            }
        return CacheError(code, operation: operation, message: text)
    }
}
