public import RedisCore

extension RateLimiter {
    /// Runs `body` if the call is admitted, and throws `rateLimited` with the verdict if not.
    ///
    /// - Parameters:
    ///   - key: Who or what is limited: 1 to 1,024 bytes.
    ///   - cost: Units that the call takes, 1 or more.
    ///   - wait: How long to wait for admission; nil until cancelled, zero not at all.
    /// - Throws: `rateLimited`, see ``CoordinationError/verdict``; what ``acquire(_:cost:wait:)`` and `body` throw. A
    ///   call that was admitted stays counted when its body throws.
    public func limited<T>(
        _ key: String, cost: Int = 1, wait: Duration? = .zero, _ body: () async throws -> T
    ) async throws -> T {
        let verdict = try await acquire(key, cost: cost, wait: wait)
        guard verdict.isAllowed else { throw CoordinationError.rateLimited(verdict, operation: "limited") }
        return try await body()
    }
}

/// A function that runs only as often as a limit allows.
///
/// The declarative form of ``RateLimiter/limited(_:cost:wait:_:)``:
///
/// ```swift
/// struct Mailer {
///     @RateLimited(redis, key: { "mail:\($0.to)" }, limit: 100, window: "1m")
///     var send: @Sendable (Mail) async throws -> Receipt = { mail in try await deliver(mail) }
/// }
/// ```
///
/// A call beyond the limit throws `rateLimited` with the verdict. A rule that cannot work, such as a window that is no
/// duration, cannot be refused where it is declared: every call throws `invalidArgument` then.
@propertyWrapper
public struct RateLimited<Input: Sendable, Output: Sendable>: Sendable {
    private let limiter: Result<RateLimiter, CoordinationError>
    private let key: @Sendable (Input) -> String
    private let body: @Sendable (Input) async throws -> Output

    /// A function with a limit of its own.
    ///
    /// - Parameters:
    ///   - key: Who or what is limited, made from the argument; functions with the same keys and limits count together.
    ///   - window: Digits and one of ms, s, m, h, d, such as `500ms`, `30s`, `1m`, `1h`.
    public init(
        wrappedValue body: @escaping @Sendable (Input) async throws -> Output, _ redis: RedisClient,
        key: @escaping @Sendable (Input) -> String, limit: Int, window: String
    ) {
        self.key = key
        self.body = body
        do throws(CoordinationError) {
            limiter = .success(try RateLimiter(redis, try RateLimit(limit, per: window)))
        } catch {
            limiter = .failure(error)
        }
    }

    /// A function under a limiter that exists.
    public init(
        wrappedValue body: @escaping @Sendable (Input) async throws -> Output, _ limiter: RateLimiter,
        key: @escaping @Sendable (Input) -> String
    ) {
        self.key = key
        self.body = body
        self.limiter = .success(limiter)
    }

    /// The function, limited.
    public var wrappedValue: @Sendable (Input) async throws -> Output {
        { [self] input in try await limiter.get().limited(key(input)) { try await body(input) } }
    }
}
