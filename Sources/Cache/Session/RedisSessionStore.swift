import FoundationEssentials
import Metrics
public import RedisCore

/// Sessions in Redis: one round trip to read or refresh one, one to end all of a user's.
///
/// **What it promises.** A session is active from its creation until it expires or is ended, whichever is first, by the
/// server's clock alone; nothing that runs at the same time brings one back. Ending all sessions of a user takes effect
/// in one step for every session the user has. **When Redis does not answer** every call throws `unavailable`, after a
/// few failures at once: never "no session". **When a reply is lost** the request is repeated and takes effect once; an
/// update of which nobody can tell throws `unavailable`. **When Redis loses data** (a restart without persistence, a
/// failover, an eviction policy that takes keys with a TTL) sessions are gone, never more than that, unless the lost
/// write was the one that ended them: wait for replicas or use `appendfsync always` where that matters.
///
/// A session whose key or whose user's index is lost is over. Ids are hashed at rest; see ``SessionID``. An update
/// takes two round trips and one more for each conflict; a list two a page; `destroyAll` one, and two for each 256
/// sessions to clear them away. Each session has one key, each user one more.
public struct RedisSessionStore<Value: Codable & Sendable>: SessionStore {
    let engine: CacheEngine
    let keys: SessionKeys
    /// What it was made with.
    public let options: SessionOptions
    let coder: SessionCoder
    let scripts: SessionScripts
    private let prefix: String
    private let flaw: CacheError?

    /// A store on one server; nothing is sent.
    ///
    /// - Parameters:
    ///   - prefix: What its keys begin with, before `:session:`; the client's prefix when nil. Stores with the same
    ///     prefix share their sessions.
    ///   - options: Options that cannot work are thrown as `invalidArgument` by every call.
    public init(_ redis: RedisClient, prefix: String? = nil, options: SessionOptions = SessionOptions()) {
        self.init(redis, prefix: prefix, options: options, scripts: .live)
    }

    init(_ redis: RedisClient, prefix: String?, options: SessionOptions, scripts: SessionScripts) {
        engine = .of(redis)
        self.prefix = prefix ?? redis.configuration.prefix
        keys = SessionKeys(prefix: self.prefix)
        self.options = options
        coder = SessionCoder(maxBytes: options.maxDataBytes)
        self.scripts = scripts
        flaw = options.flaw()
    }

    /// Begins a session.
    ///
    /// One round trip; one more when it pushes others out.
    public func create(
        userID: String, data: Value, tenantID: String?, metadata: [String: String], life: SessionLife?
    ) async throws -> Session<Value> {
        let operation = "session.create"
        let tag = try tag(userID, operation)
        if let tenantID { try CacheKeys.check(tenantID, "a tenant's id", operation: operation) }
        let life = try (life ?? options.life).milliseconds(operation)
        let content = SessionContent(data: data, metadata: metadata)
        let stored = try (
            metadata: coder.encode(metadata: metadata, operation),
            data: coder.encode(data, "a session's data", operation)
        )
        let id = SessionID.make(tag: tag)
        let reference = try reference(id, operation)
        let reply = try await run(
            scripts.create, [keys.session(reference), keys.index(tag)],
            [
                reference.name, userID, tenantID ?? "", stored.metadata, stored.data, life.idle, life.absolute,
                options.endedMilliseconds, options.maxPerUser ?? 0,
            ], operation)
        let record = try active(reply, operation)
        engine.metrics.sessions.created.increment()
        if !reply.evicted.isEmpty {
            engine.metrics.sessions.evicted.increment(by: Int64(reply.evicted.count))
            await bury(reply.evicted, tag, operation)
        }
        return Session(id: id, info: SessionInfo(reference, record, content))
    }

    /// The session of an id, or why there is none.
    ///
    /// One round trip; none for what cannot be an id.
    ///
    /// - Throws: `unavailable`, `undecodable` when its data is no `Value`; `CancellationError`.
    public func lookup(_ id: SessionID, touching: Bool) async throws -> SessionLookup<Value> {
        let operation = touching ? "session.refresh" : "session.get"
        try check()
        guard let reference = id.reference else { return .unknown }
        let reply = try await run(
            scripts.read, [keys.session(reference), keys.index(reference.tag)],
            [reference.name, touching ? "1" : "0", options.endedMilliseconds], operation)
        guard let record = reply.record else {
            engine.metrics.sessions.missing.increment()
            return reply.state == .expired ? .expired : reply.state == .revoked ? .revoked : .unknown
        }
        engine.metrics.sessions.found.increment()
        return .active(Session(id: id, info: SessionInfo(reference, record, try coder.content(record, operation))))
    }

    /// Gives the session a new id and ends the old one in the same step.
    ///
    /// One round trip. Data, times and the place in the user's list stay; the reference is another.
    public func rotate(_ id: SessionID) async throws -> Session<Value> {
        let operation = "session.rotate"
        try check()
        guard let old = id.reference else { throw CacheError.noSession(.notFound, operation: operation) }
        let newID = SessionID.make(tag: old.tag)
        let new = try reference(newID, operation)
        let reply = try await run(
            scripts.rotate, [keys.session(old), keys.session(new), keys.index(old.tag)],
            [old.name, new.name, options.endedMilliseconds], operation)
        let record = try active(reply, operation)
        engine.metrics.sessions.rotated.increment()
        return Session(id: newID, info: SessionInfo(new, record, try coder.content(record, operation)))
    }
}

// MARK: - Within

extension RedisSessionStore {
    func check() throws(CacheError) {
        if let flaw { throw flaw }
    }

    func tag(_ userID: String, _ operation: String) throws(CacheError) -> String {
        try check()
        try CacheKeys.check(userID, "a user's id", operation: operation)
        return SessionID.tag(user: userID, prefix: prefix)
    }

    /// Of an id made here, which always has one.
    private func reference(_ id: SessionID, _ operation: String) throws(CacheError) -> SessionReference {
        guard let reference = id.reference else { throw CacheError.noSession(.notFound, operation: operation) }
        return reference
    }

    func run<T: RedisDecodable>(
        _ script: RedisScript, _ keys: [RedisKey], _ arguments: [any RedisArgument], _ operation: String,
        as type: T.Type = SessionReply.self
    ) async throws -> T {
        // No key in errors: it is of no use to anybody but those who look for sessions.
        try await engine.call(operation, key: nil) { redis throws(RedisError) in
            try await redis.evaluate(script, keys: keys, arguments: arguments, as: T.self, timeout: options.timeout)
        }
    }

    func active(_ reply: SessionReply, _ operation: String) throws(CacheError) -> SessionRecord {
        if let record = reply.record { return record }
        switch reply.state {
        case .expired: throw CacheError.noSession(.expired, operation: operation)
        case .revoked: throw CacheError.noSession(.revoked, operation: operation)
        case .unknown, .active, .conflict, .ambiguous: throw CacheError.noSession(.notFound, operation: operation)
        }
    }
}
