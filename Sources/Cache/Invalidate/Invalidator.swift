import FoundationEssentials
import Logging
import Metrics
import RedisCore

/// When cached values of an entity end because the entity has changed.
public enum InvalidationStrategy: Sendable, Hashable {
    /// At once, by the writer, before its call returns.
    case onWrite
    /// Not at all: values are as old as their time to live allows.
    case ttlOnly
    /// By an event on this channel: writers publish what has changed, and every ``Invalidator/run()`` applies it.
    case onEvent(channel: String)
}

/// Ends cached values when what they were made of changes.
///
/// ```swift
/// let invalidator = Invalidator(cache)                    // or strategy: .onEvent(channel: "changes")
/// try await database.update(user)
/// try await invalidator.afterUpdate("user", id: "7")
/// ```
///
/// By convention the object `7` of the entity `user` is the entry `user:7`; what is a list of users has the tag
/// `user:list`, what else was made of that user the tag `user:7`, and all of it the tag `user`: ``listTag(_:)``,
/// ``objectTag(_:id:)``, which is the entry's key too. Both escape colons and the like, so that an id that a user chose
/// ends nothing of others: name entries and tags by them. A change drops the entry with its loads, and what has the
/// tags, in one round trip and without looking for keys.
///
/// **What it promises** once a call has returned: nothing of before is served any more (`onWrite`), or the change is
/// published (`onEvent`); with `onEvent` values may be served until somebody has applied the event. **What Redis does
/// not take** throws, and is queued all the same: one entry for each object, repeated until it is done or whatever was
/// cached has expired; beyond ``Options/capacity`` the whole cache is cleared instead. The queue is the process' own:
/// what waits is lost when it dies. A call whose task is cancelled is queued too.
///
/// **With `onEvent`** some process has to ``run()``: each one, or one of the fleet. An event that nobody received is
/// applied by its writer. Events that were missed, because the subscription was interrupted or overrun or had not
/// begun, end everything that they might have been about: the entities in ``Options/entities``, or the whole cache. So
/// does an event that cannot be read.
public final class Invalidator: Sendable {
    /// What an invalidator may be told.
    public struct Options: Sendable {
        /// Who publishes, in the events; `cache`.
        public var source: String
        /// The entities that are changed by events; all when empty.
        ///
        /// When events were missed, entries with their tags end; all that the cache holds if none is named.
        public var entities: [String]
        /// Whether what was published before ``Invalidator/run()`` counts as missed; true.
        ///
        /// False suits several that run, of which one always does.
        public var startsClean: Bool
        /// How many invalidations may wait for Redis; 10,000.
        public var capacity: Int
        /// How long they may: longer than any entry lives; nil for ``CacheOptions/longestTagLife``.
        public var retryFor: Duration?

        /// The defaults of the fields, unless told otherwise.
        public init(
            source: String = "cache", entities: [String] = [], startsClean: Bool = true, capacity: Int = 10_000,
            retryFor: Duration? = nil
        ) {
            self.source = source
            self.entities = entities
            self.startsClean = startsClean
            self.capacity = capacity
            self.retryFor = retryFor
        }
    }

    /// The cache whose entries it ends.
    public let cache: RedisCache
    /// When it does.
    public let strategy: InvalidationStrategy
    let options: Options
    let retries: InvalidationRetries
    let clock: any Clock<Duration>

    /// Invalidates entries of a cache; nothing is sent.
    ///
    /// - Parameter cache: The cache itself, not a namespace of the entity.
    public convenience init(
        _ cache: RedisCache, strategy: InvalidationStrategy = .onWrite, options: Options = Options()
    ) {
        self.init(cache, strategy: strategy, options: options, clock: ContinuousClock())
    }

    init(_ cache: RedisCache, strategy: InvalidationStrategy, options: Options, clock: any Clock<Duration>) {
        self.cache = cache
        self.strategy = strategy
        self.options = options
        self.clock = clock
        retries = InvalidationRetries(
            capacity: options.capacity, life: options.retryFor ?? cache.options.longestTagLife, clock: clock,
            logger: cache.engine.logger, metrics: cache.engine.metrics.invalidation
        ) { try await cache.drop(InvalidationBatch($0)) }
    }

    /// How many invalidations wait for Redis.
    public var pending: Int { retries.count }

    /// The tag of all lists of an entity: `‹entity›:list`; colons and braces of its name are escaped.
    public static func listTag(_ entity: String) -> String { InvalidationNames.lists(entity) }

    /// The tag of what was made of one object, and the key of its entry: `‹entity›:‹id›`.
    ///
    /// Each of the two is one segment, escaped as by ``KeyBuilder``; the id `list` is written `%6Cist`, since
    /// ``listTag(_:)`` has that name.
    public static func objectTag(_ entity: String, id: String) -> String { InvalidationNames.object(entity, id) }
}

// MARK: - After a change

extension Invalidator {
    /// To be called when there is a new object: its entity's lists end.
    ///
    /// One round trip.
    ///
    /// - Throws: `unavailable`: it is queued and will be done later. `invalidArgument`; `CancellationError`: queued
    ///   too.
    public func afterCreate(_ entity: String) async throws {
        try await changed(.init(entity: entity, id: nil, change: .created), "afterCreate")
    }

    /// To be called when there is a new object, with its id, under which somebody may have looked for it before.
    ///
    /// As ``afterUpdate(_:id:)``.
    public func afterCreate(_ entity: String, id: String) async throws {
        try await changed(.init(entity: entity, id: id, change: .created), "afterCreate")
    }

    /// To be called when an object has changed: its entry ends, and its loads, what was made of it, and the lists.
    ///
    /// One round trip, however many lists there are. Errors as ``afterCreate(_:)``.
    public func afterUpdate(_ entity: String, id: String) async throws {
        try await changed(.init(entity: entity, id: id, change: .updated), "afterUpdate")
    }

    /// To be called when an object is gone; as ``afterUpdate(_:id:)``.
    public func afterDelete(_ entity: String, id: String) async throws {
        try await changed(.init(entity: entity, id: id, change: .deleted), "afterDelete")
    }

    /// To be called when many objects of an entity may have changed: all that has its tag ends.
    ///
    /// Only what was stored with the tag: entries of a ``CachedRepository`` are. One round trip.
    public func afterBulkChange(_ entity: String) async throws {
        try await changed(.init(entity: entity, id: nil, change: .updated), "afterBulkChange")
    }

    /// `isExplicit`: somebody asks for it by name, so that even `ttlOnly` does it.
    func changed(_ event: InvalidationEvent, _ operation: String, isExplicit: Bool = false) async throws {
        try cache.check()
        try InvalidationNames.check(event.entity, id: event.id, operation: operation)
        do {
            switch strategy {
            case .ttlOnly where !isExplicit: break
            case .onWrite, .ttlOnly: try await cache.drop(InvalidationBatch([event.invalidation]))
            case .onEvent(let channel):
                // Nobody listens, so nobody would do it.
                if try await publish(event, to: channel) == 0 {
                    try await cache.drop(InvalidationBatch([event.invalidation]))
                }
            }
        } catch let error as CacheError where error.code == .invalidArgument {
            throw error
        } catch {
            retries.add([event.invalidation], because: error)
            throw error
        }
    }

    /// How many received it; twice the same event is no harm.
    private func publish(_ event: InvalidationEvent, to channel: String) async throws -> Int {
        let json = try event.json(source: options.source, at: Date())
        return try await cache.engine.call("publish", key: nil) { redis throws(RedisError) in
            try await redis.command(
                RedisCommand("PUBLISH", channel, json).safeToRepeat(), as: Int.self, timeout: cache.options.timeout)
        }
    }
}

extension RedisCache {
    /// Ends entries by key and by tag at once.
    func drop(_ batch: InvalidationBatch) async throws {
        guard !batch.clears else { return try await clear() }
        let (keys, tags) = (batch.keys.map(\.text), batch.tags.map(\.text))
        async let stamped: Void = invalidateAll(tags: tags)
        async let dropped = deleteMany(keys)
        _ = try await (stamped, dropped)
    }
}
