import FoundationEssentials
import Synchronization

/// Sessions in this process' memory, for the tests of applications: the rules of ``RedisSessionStore`` without a
/// server.
///
/// Both are held to one suite. Its sessions are known to this instance only and end with it; each call looks at all of
/// them, so it is not for production.
public final class InMemorySessionStore<Value: Codable & Sendable>: SessionStore {
    /// What it was made with.
    public let options: SessionOptions
    private let coder: SessionCoder
    private let flaw: CacheError?
    private let table: Mutex<SessionTable>
    /// µs since 1970; goes on with the clock.
    private let now: @Sendable () -> Int64

    /// An empty store.
    ///
    /// - Parameter clock: What sessions expire by; a manual one lets tests pass a week at once.
    public init<C: Clock>(options: SessionOptions = SessionOptions(), clock: C = ContinuousClock())
    where C.Duration == Duration {
        self.options = options
        coder = SessionCoder(maxBytes: options.maxDataBytes)
        flaw = options.flaw()
        table = Mutex(
            SessionTable(endedFor: options.endedMilliseconds * 1_000, maxPerUser: options.maxPerUser))
        let origin = Int64(Date().timeIntervalSince1970 * 1e6)
        let start = clock.now
        now = { origin + Int64(start.duration(to: clock.now).attoseconds / 1_000_000_000_000) }
    }

    /// Begins a session.
    public func create(
        userID: String, data: Value, tenantID: String?, metadata: [String: String], life: SessionLife?
    ) async throws -> Session<Value> {
        let operation = "session.create"
        let tag = try tag(userID, operation)
        if let tenantID { try CacheKeys.check(tenantID, "a tenant's id", operation: operation) }
        let life = try (life ?? options.life).milliseconds(operation)
        let stored = try (
            metadata: coder.encode(metadata: metadata, operation),
            data: coder.encode(data, "a session's data", operation)
        )
        let id = SessionID.make(tag: tag)
        guard let reference = id.reference else { throw CacheError.noSession(.notFound, operation: operation) }
        let record = table.withLock { table in
            let time = now()
            let ends = time + life.absolute * 1_000
            let record = SessionRecord(
                createdAt: time, expiresAt: min(time + life.idle * 1_000, ends), seenAt: time, endsAt: ends, version: 1,
                userID: userID, tenantID: tenantID, metadata: stored.metadata.isEmpty ? nil : stored.metadata,
                data: stored.data)
            table.create(reference, record, idle: life.idle * 1_000, time)
            return record
        }
        return Session(
            id: id, info: SessionInfo(reference, record, SessionContent(data: data, metadata: metadata)))
    }

    /// The session of an id, or why there is none.
    public func lookup(_ id: SessionID, touching: Bool) async throws -> SessionLookup<Value> {
        try check()
        guard let reference = id.reference else { return .unknown }
        let found = table.withLock {
            touching ? $0.refresh(reference, now()) : $0.find(reference, now())
        }
        switch found {
        case .active(let record): return .active(try session(id, reference, record, "session.get"))
        case .ended(.expired): return .expired
        case .ended(.revoked): return .revoked
        case .ended: return .unknown
        }
    }

    /// Changes data and metadata, as if nobody else did at the same time.
    @discardableResult
    public func update(
        _ id: SessionID, _ change: @Sendable (inout SessionContent<Value>) throws -> Void
    ) async throws -> Session<Value> {
        let operation = "session.update"
        try check()
        guard let reference = id.reference else { throw CacheError.noSession(.notFound, operation: operation) }
        for _ in 0..<100 {
            let record = try active(table.withLock { $0.find(reference, now()) }, operation)
            var content: SessionContent<Value> = try coder.content(record, operation)
            // Not under the lock: it may call the store.
            try change(&content)
            let metadata = try coder.encode(metadata: content.metadata, operation)
            let data = try coder.encode(content.data, "a session's data", operation)
            let found = table.withLock {
                $0.update(
                    reference, from: record.version, metadata: metadata.isEmpty ? nil : metadata, data: data, now())
            }
            guard let found else { continue }
            return try session(id, reference, active(found, operation), operation)
        }
        throw CacheError(.conflict, operation: operation, message: "the session changed 100 times meanwhile; try again")
    }

    /// Gives the session a new id and ends the old one.
    public func rotate(_ id: SessionID) async throws -> Session<Value> {
        let operation = "session.rotate"
        try check()
        guard let old = id.reference else { throw CacheError.noSession(.notFound, operation: operation) }
        let newID = SessionID.make(tag: old.tag)
        guard let new = newID.reference else { throw CacheError.noSession(.notFound, operation: operation) }
        let found = table.withLock { $0.rotate(old, to: new, now()) }
        return try session(newID, new, active(found, operation), operation)
    }

    /// Ends a session; true if it was active.
    @discardableResult
    public func destroy(_ reference: SessionReference) async throws -> Bool {
        try check()
        return table.withLock { $0.destroy(reference, now()) }
    }

    /// Ends all sessions of a user; how many were active.
    @discardableResult
    public func destroyAll(userID: String, except kept: SessionReference?) async throws -> Int {
        let tag = try tag(userID, "session.destroyAll")
        guard kept.map({ $0.tag == tag }) ?? true else {
            throw CacheError(
                .invalidArgument, operation: "session.destroyAll",
                message: "the session that is to go on belongs to another user")
        }
        return table.withLock { $0.destroyAll(tag: tag, except: kept, now()) }
    }

    /// A page of a user's active sessions, those that expire first first.
    public func list(userID: String, after: SessionCursor?, limit: Int) async throws -> SessionPage<Value> {
        let tag = try tag(userID, "session.list")
        guard (1...500).contains(limit) else {
            throw CacheError(
                .invalidArgument, operation: "session.list", message: "a page has \(limit) sessions; give 1 to 500")
        }
        let found = table.withLock { $0.list(tag: tag, after: after?.expiry, limit: limit, now()) }
        var sessions: [SessionInfo<Value>] = []
        var undecodable: [SessionReference] = []
        for (reference, record) in found.page {
            do {
                sessions.append(SessionInfo(reference, record, try coder.content(record, "session.list")))
            } catch {
                undecodable.append(reference)
            }
        }
        return SessionPage(
            sessions: sessions, undecodable: undecodable, next: found.next.map(SessionCursor.init))
    }

    private func check() throws(CacheError) {
        if let flaw { throw flaw }
    }

    private func tag(_ userID: String, _ operation: String) throws(CacheError) -> String {
        try check()
        try CacheKeys.check(userID, "a user's id", operation: operation)
        return SessionID.tag(user: userID, prefix: "")
    }

    private func active(_ found: SessionTable.Found, _ operation: String) throws(CacheError) -> SessionRecord {
        switch found {
        case .active(let record): return record
        case .ended(let code): throw CacheError.noSession(code, operation: operation)
        }
    }

    private func session(
        _ id: SessionID, _ reference: SessionReference, _ record: SessionRecord, _ operation: String
    ) throws(CacheError) -> Session<Value> {
        Session(id: id, info: SessionInfo(reference, record, try coder.content(record, operation)))
    }
}
