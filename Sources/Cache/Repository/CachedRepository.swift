import Logging
import RedisCore

/// Objects of one entity, read and written through a cache that never holds an older one than the source.
///
/// ```swift
/// let users = CachedRepository<Int, User>(cache, entity: "user", ttl: .after(.seconds(600))) { try await db.user($0) }
///
/// let user = try await users.find(7)                                    // entry user:7
/// try await users.update(7) { try await db.rename(7, to: "Ada") }       // returns what the database has now
/// let page = try await users.list("p1") { try await db.users(page: 1) } // ends with every change of a user
/// ```
///
/// **Reads** are ``RedisCache/remember(_:ttl:tags:options:_:)-(_,_,_,_,()->T?)``: from the cache, else one load for all
/// who ask, stored only if nothing changed the object since it began. **Writes** go through
/// ``RedisCache/writeThrough(_:ttl:tags:lease:_:)``: two writers at once leave a miss or the newer value. Lists and
/// what has the object's tag end after each write.
///
/// **Redis being away** never fails a call that the source can answer: reads load, writes write, and what could not be
/// invalidated is queued by its ``Invalidator``. **A process that dies** between the source's commit and the call's end
/// leaves no old object; lists that it did not get to invalidate live until their time is over, so give them a short
/// one.
public struct CachedRepository<ID: Sendable & CustomStringConvertible, Value: Codable & Sendable>: Sendable {
    /// Ends what depends on the objects; its cache holds them.
    public let invalidator: Invalidator
    /// The entity's name: objects are the entries `‹entity›:‹id›`, each part escaped as by ``KeyBuilder``.
    public let entity: String
    private let ttl: CacheTTL
    private let lease: Duration
    private let source: @Sendable (ID) async throws -> Value?

    private var cache: RedisCache { invalidator.cache }

    /// A repository with an invalidator of its own, which acts on each write.
    ///
    /// - Parameters:
    ///   - ttl: Of an object's entry, which lives at most ``CacheOptions/longestTagLife``.
    ///   - lease: How long a write to the source may take, 1 ms to an hour; 30 s.
    ///   - source: Finds an object; nil when there is none.
    public init(
        _ cache: RedisCache, entity: String, ttl: CacheTTL = .default, lease: Duration = .seconds(30),
        source: @escaping @Sendable (ID) async throws -> Value?
    ) {
        self.init(Invalidator(cache), entity: entity, ttl: ttl, lease: lease, source: source)
    }

    /// A repository whose changes are told by an invalidator, such as one with `onEvent`.
    public init(
        _ invalidator: Invalidator, entity: String, ttl: CacheTTL = .default, lease: Duration = .seconds(30),
        source: @escaping @Sendable (ID) async throws -> Value?
    ) {
        self.invalidator = invalidator
        self.entity = entity
        self.ttl = ttl
        self.lease = lease
        self.source = source
    }
}

// MARK: - Reading

extension CachedRepository {
    /// The object, from the cache or the source; nil when there is none.
    ///
    /// One round trip on a hit.
    ///
    /// - Throws: What the source throws; `invalidArgument`; `unavailable` only under ``CacheFailurePolicy/closed``;
    ///   `CancellationError`.
    public func find(_ id: ID) async throws -> Value? {
        let source = source
        let key = try key(id, "find")
        return try await cache.recall(key, ttl, tags, nil, "find") { Loaded(try await source(id)) }.value
    }

    /// A list, or anything else that many objects are in: the entry `‹entity›:list:‹name›`, which ends when any of them
    /// changes.
    ///
    /// The name is one segment too: colons and the like in it are escaped. Cost and errors as ``find(_:)``.
    public func list<Content: Codable & Sendable>(
        _ name: String, ttl: CacheTTL? = nil, _ load: @escaping @Sendable () async throws -> Content
    ) async throws -> Content {
        try InvalidationNames.check(entity, operation: "list")
        let tags = tags + [InvalidationNames.lists(entity)]
        let key = InvalidationNames.list(entity, name)
        return try await cache.value(of: key, ttl ?? self.ttl, tags, nil, "list") { Loaded(try await load()) }
    }

    /// Of all that is cached of the entity.
    private var tags: [String] { [InvalidationNames.entity(entity)] }

    private func key(_ id: ID, _ operation: String) throws -> String {
        try InvalidationNames.check(entity, id: "\(id)", operation: operation)
        return InvalidationNames.entry(entity, "\(id)")
    }
}

// MARK: - Writing

extension CachedRepository {
    /// Adds an object to the source; lists end, and what was known of its id.
    ///
    /// An id that cannot be the name of an entry, such as one that is too long, has none: lists end all the same.
    ///
    /// - Parameter change: Writes to the source and returns the new object with its id.
    /// - Throws: What `change` throws; `invalidArgument`.
    @discardableResult
    public func create(_ change: () async throws -> (id: ID, value: Value)) async throws -> Value {
        try InvalidationNames.check(entity, operation: "create")
        do {
            let created = try await change()
            await tell(created.id, .created)
            return created.value
        } catch {
            // It may have been added all the same.
            await tell(nil, .created)
            throw error
        }
    }

    /// Changes an object in the source and stores what the source has now; nil when there is no such object.
    ///
    /// Two round trips besides the change, and one for the lists.
    ///
    /// - Parameter change: Writes to the source and returns what it holds then.
    /// - Throws: What `change` throws: the cached object is dropped then; `invalidArgument` before anything was done.
    @discardableResult
    public func update(_ id: ID, _ change: () async throws -> Value?) async throws -> Value? {
        let key = try key(id, "update")
        let result: (value: Value?, outcome: CacheWriteOutcome)
        do {
            result = try await cache.writeThrough(key, ttl: ttl, tags: tags, lease: lease, change)
        } catch {
            // The source may have changed all the same. The entry is gone, if Redis answered.
            await tell(id, .updated)
            if invalidator.strategy == .ttlOnly { dropLater(id) }
            throw error
        }
        await tell(id, .stored)
        if result.outcome == .unknown { dropLater(id) }
        return result.value
    }

    /// Deletes an object from the source and from the cache.
    ///
    /// Cost and errors as ``update(_:_:)``.
    public func delete(_ id: ID, _ change: () async throws -> Void) async throws {
        try await update(id) {
            try await change()
            return nil
        }
    }

    /// Drops an object, what was made of it, and the lists, because the source was changed by somebody else.
    ///
    /// Whatever the invalidator's strategy is, or by an event if it is `onEvent`. Errors as
    /// ``Invalidator/afterUpdate(_:id:)``.
    public func invalidate(_ id: ID) async throws {
        let event = InvalidationEvent(entity: entity, id: "\(id)", change: .updated)
        try await invalidator.changed(event, "invalidate", isExplicit: true)
    }

    /// Drops all objects and lists of the entity.
    ///
    /// As ``invalidate(_:)``.
    public func invalidateAll() async throws {
        let event = InvalidationEvent(entity: entity, id: nil, change: .updated)
        try await invalidator.changed(event, "invalidateAll", isExplicit: true)
    }

    /// Whatever goes wrong is queued and logged: the source has changed, and its writer is not told that it has not.
    ///
    /// Never cancelled, for the same reason.
    private func tell(_ id: ID?, _ change: InvalidationEvent.Change) async {
        var id = id.map { "\($0)" }
        // The source gives ids that no entry can have: what else ends shall end.
        if (try? InvalidationNames.check(entity, id: id, operation: "write")) == nil { id = nil }
        let event = InvalidationEvent(entity: entity, id: id, change: change)
        _ = await Task { try await invalidator.changed(event, "write") }.result
    }

    private func dropLater(_ id: ID) {
        let error = CacheError(.unavailable, operation: "write", message: "a write through the cache got no answer")
        invalidator.retries.add([.object(entity: entity, id: "\(id)", keepsEntry: false)], because: error)
    }
}
