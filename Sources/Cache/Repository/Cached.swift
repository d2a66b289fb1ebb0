import RedisCore

/// A function whose results are kept in a cache.
///
/// ```swift
/// struct Users {
///     @Cached(cache, key: { "user:\($0)" }, ttl: "30m")
///     var user: @Sendable (String) async throws -> User = { id in try await repository.find(id) }
/// }
///
/// let ada = try await users.user("7")
/// try await users.$user.invalidate("7")
/// ```
///
/// Each call is a ``RedisCache/remember(_:ttl:tags:options:_:)-(_,_,_,_,()->T)``: one run for all who ask at once,
/// whose result is stored only if nothing set, deleted or invalidated it meanwhile; errors are not kept, nil for
/// ``RememberOptions/negativeTTL`` and no longer, also with a ``RememberOptions/failSafe``. What cannot work, such as a
/// time to live that is no duration, cannot be refused where it is declared: every call throws `invalidArgument` then.
@propertyWrapper
public struct Cached<Input: Sendable, Output: Codable & Sendable>: Sendable {
    private let cache: RedisCache
    private let key: @Sendable (Input) -> String
    private let tags: @Sendable (Input) -> [String]
    private let ttl: Result<CacheTTL, CacheError>
    private let body: @Sendable (Input) async throws -> Output

    /// A function with a time to live of its own.
    ///
    /// - Parameters:
    ///   - key: The entry's key, made from the argument.
    ///   - ttl: Digits and one of ms, s, m, h, d, such as `500ms`, `30s`, `30m`, `1h`.
    ///   - tags: What a result is invalidated by.
    public init(
        wrappedValue body: @escaping @Sendable (Input) async throws -> Output, _ cache: RedisCache,
        key: @escaping @Sendable (Input) -> String, ttl: String,
        tags: @escaping @Sendable (Input) -> [String] = { _ in [] }
    ) {
        self.init(body, cache, key, tags, Self.life(ttl))
    }

    /// A function whose results live as long as the cache says, unless told otherwise.
    public init(
        wrappedValue body: @escaping @Sendable (Input) async throws -> Output, _ cache: RedisCache,
        key: @escaping @Sendable (Input) -> String, ttl: CacheTTL = .default,
        tags: @escaping @Sendable (Input) -> [String] = { _ in [] }
    ) {
        self.init(body, cache, key, tags, .success(ttl))
    }

    private init(
        _ body: @escaping @Sendable (Input) async throws -> Output, _ cache: RedisCache,
        _ key: @escaping @Sendable (Input) -> String, _ tags: @escaping @Sendable (Input) -> [String],
        _ ttl: Result<CacheTTL, CacheError>
    ) {
        self.cache = cache
        self.key = key
        self.tags = tags
        self.ttl = ttl
        self.body = body
    }

    private static func life(_ text: String) -> Result<CacheTTL, CacheError> {
        guard let duration = DurationText.parse(text) else {
            return .failure(
                CacheError(
                    .invalidArgument, operation: "cached",
                    message: "the time to live is no duration; give \(DurationText.form)"))
        }
        return .success(.after(duration))
    }

    /// The function, cached.
    public var wrappedValue: @Sendable (Input) async throws -> Output {
        { [self] input in
            let (body, negative) = (body, cache.options.remember.negativeTTL)
            return try await cache.value(of: key(input), try ttl.get(), tags(input), nil, "cached") {
                let output = try await body(input)
                guard (output as? any PossiblyNothing)?.isNothing == true else { return Loaded(output) }
                var nothing = Loaded(output, ttl: .after(negative ?? .milliseconds(1)))
                // Or it would stay as long as somebody asks, or be served for long when the source fails.
                nothing.slides = false
                nothing.keepsStale = false
                return nothing
            }
        }
    }

    /// The wrapper itself: `$name.invalidate(…)`.
    public var projectedValue: Cached { self }

    /// Drops the result for an argument, and what is on its way; true if there was one.
    ///
    /// One round trip. Errors as ``RedisCache/delete(_:)``.
    @discardableResult
    public func invalidate(_ input: Input) async throws -> Bool { try await cache.delete(key(input)) > 0 }
}
