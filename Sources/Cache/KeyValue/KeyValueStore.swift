/// Values under names, until they are deleted or their time is over: in Redis, or in memory for tests and single
/// processes.
///
/// ```swift
/// try await store.set("user:123", user, ttl: .after(.seconds(3_600)))
/// let user: User = try await store.get("user:123")
/// let maybe: User? = try await store.find("user:123")
/// ```
///
/// Both stores of this package pass the same tests. Four outcomes of a read are told apart: the value; no value (nil,
/// or `notFound`); a store that does not answer (`unavailable`, never taken for "no value"); something that is not what
/// was asked for (`undecodable`).
///
/// Keys have 1 to 1,024 bytes, any characters, and levels separated by `:` by convention. Values are `Codable`: by JSON
/// with RFC 3339 dates, unless they are `String` (UTF-8) or `Data`; none is larger than the store's guard, 1 MiB.
public protocol KeyValueStore: Sendable {
    /// Stores a value, whatever was there; its life begins anew.
    ///
    /// - Parameter ttl: `.never` to keep it until it is deleted, `.default` for what the store was made with.
    /// - Throws: `tooLarge`, `unencodable`, `invalidArgument`, `unavailable`; `CancellationError`. After the last two
    ///   the old value or the new one may be there.
    func set<T: Encodable & Sendable>(_ key: String, _ value: T, ttl: CacheTTL) async throws

    /// The value under a key; nil when there is none.
    ///
    /// - Throws: `undecodable`, `unavailable`, `invalidArgument`; `CancellationError`.
    func find<T: Decodable & Sendable>(_ key: String, as type: T.Type) async throws -> T?

    /// Deletes all of these keys at once; how many of them there were.
    ///
    /// No keys are nothing to do. Deleting twice is deleting once.
    ///
    /// - Throws: `unavailable`: any of them may still be there. `invalidArgument`: none was deleted.
    ///   `CancellationError`.
    @discardableResult
    func deleteKeys(_ keys: [String]) async throws -> Int

    /// The keys that are meant, each once, in no order, without the store's prefix.
    ///
    /// What is stored or deleted meanwhile may be among them or not.
    ///
    /// - Throws: `unavailable`, `invalidArgument`; `CancellationError`.
    func keys(matching pattern: CachePattern) async throws -> [String]
}

extension KeyValueStore {
    /// Stores a value until it is deleted.
    ///
    /// As ``set(_:_:ttl:)`` with `.never`.
    public func set<T: Encodable & Sendable>(_ key: String, _ value: T) async throws {
        try await set(key, value, ttl: .never)
    }

    /// The value under a key, its type told by the context; nil when there is none.
    ///
    /// As ``find(_:as:)``.
    public func find<T: Decodable & Sendable>(_ key: String) async throws -> T? { try await find(key, as: T.self) }

    /// The value under a key.
    ///
    /// As ``find(_:as:)``, but throws `notFound` when there is none.
    public func get<T: Decodable & Sendable>(_ key: String, as type: T.Type = T.self) async throws -> T {
        if let value = try await find(key, as: type) { return value }
        throw CacheError(.notFound, operation: "get", key: key, message: "there is no value under \(key)")
    }

    /// Deletes a key; true if there was one.
    ///
    /// As ``deleteKeys(_:)-([String])``.
    @discardableResult
    public func delete(_ key: String) async throws -> Bool { try await deleteKeys([key]) > 0 }

    /// Deletes all of these keys at once; how many of them there were.
    ///
    /// As ``deleteKeys(_:)-([String])``.
    @discardableResult
    public func deleteKeys(_ keys: String...) async throws -> Int { try await deleteKeys(keys) }

    /// Deletes the keys that are meant; how many there were.
    ///
    /// Finds them first, then deletes them: a key that is stored in between stays. Errors as those two.
    @discardableResult
    public func deleteKeys(matching pattern: CachePattern) async throws -> Int {
        try await deleteKeys(try await keys(matching: pattern))
    }

    /// Every key.
    ///
    /// Reads the whole store: for small ones, and for tools.
    public func keys() async throws -> [String] { try await keys(matching: .all) }
}
