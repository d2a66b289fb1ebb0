import Logging
import Metrics
import RedisCore
import Synchronization

/// What all caches and stores of one client share: the circuit breaker, the server's clock, metrics.
///
/// Found by the client's identity, so that caches can be made anywhere and still share them. It lives as long as
/// somebody uses it.
final class CacheEngine: Sendable {
    let redis: RedisClient
    let metrics: CacheMetrics
    /// Loads of values that are under way.
    let flights = FlightTable()
    var logger: Logger { redis.logger }

    private let breaker = Mutex(CircuitBreaker())
    /// Nothing failed lately: spares every call the mutex.
    private let isQuiet = Atomic(true)
    /// The last loaded value could not be stored.
    private let isUnsaved = Atomic(false)
    private let clock: SharedClock
    private let reconnects: Int
    /// The levels in this process, by root.
    let nearLevels = NearLevels()
    let observers = CacheObservers()

    /// Of its own, because the observer of reconnects outlives the engine's `init` before it is complete.
    private final class SharedClock: Sendable {
        let value = Mutex(ServerClock())
    }

    private init(_ redis: RedisClient, _ metrics: CacheMetrics) {
        self.redis = redis
        self.metrics = metrics
        let clock = SharedClock()
        self.clock = clock
        // Another server may answer now.
        reconnects = redis.observeReconnects { clock.value.withLock { $0.forget(CacheEngine.localTime) } }
    }

    /// An engine keeps its client alive.
    private static let engines = PerClient<CacheEngine>()

    /// `metrics` are those of the engine that is made, if there is none yet.
    static func of(_ redis: RedisClient, metrics: @autoclosure () -> CacheMetrics = .shared) -> CacheEngine {
        engines.value(for: redis) { CacheEngine($0, metrics()) }
    }

    deinit {
        redis.stopObservingReconnects(reconnects)
        Self.engines.forget(redis)
    }
}

// MARK: - Calls

extension CacheEngine {
    /// Asks Redis, unless the circuit is open; tells the breaker how it went, and makes errors those of this module.
    func call<T>(
        _ operation: String, key: String?, _ body: (RedisClient) async throws(RedisError) -> T
    ) async throws -> T {
        let verdict = try ask(operation, key)
        do throws(RedisError) {
            let value = try await body(redis)
            answered()
            return value
        } catch {
            throw failure(error, verdict, operation, key)
        }
    }

    /// MGET, as ``call(_:key:_:)``: of its own, because reads are most of what there is and each frame costs.
    func values(
        of keys: [RedisKey], _ operation: String, key: String?, timeout: Duration
    ) async throws -> ValueArray {
        let verdict = try ask(operation, key)
        do throws(RedisError) {
            let values = try await redis.values(of: keys, timeout: timeout)
            answered()
            return values
        } catch {
            throw failure(error, verdict, operation, key)
        }
    }

    /// Before a call: whether it may be sent.
    private func ask(_ operation: String, _ key: String?) throws(CacheError) -> CircuitBreaker.Verdict {
        let verdict = isQuiet.load(ordering: .relaxed) ? .proceed : breaker.withLock { $0.ask(.now) }
        guard verdict == .refuse else { return verdict }
        metrics.refused.increment()
        throw CacheError(
            .unavailable, operation: operation, key: key,
            message: "\(operation) was not sent: Redis did not answer lately and is left alone for a moment")
    }

    private func answered() {
        if !isQuiet.load(ordering: .relaxed) { succeeded() }
    }

    /// After a call that failed: tells the breaker, and what to throw.
    private func failure(
        _ error: RedisError, _ verdict: CircuitBreaker.Verdict, _ operation: String, _ key: String?
    ) -> any Error {
        if error.isOutage {
            failed(error)
        } else if error.code != .cancelled, verdict == .trial {
            // The server answered, if only with an error.
            succeeded()
        }
        return CacheError.from(error, operation: operation, key: key)
    }

    private func succeeded() {
        let change = breaker.withLock { breaker in
            isQuiet.store(true, ordering: .relaxed)
            return breaker.succeeded()
        }
        guard change == .closed else { return }
        logger.notice("cache: Redis answers again")
        observers.tell(.circuitClosed)
    }

    private func failed(_ error: RedisError) {
        metrics.failures.increment()
        let change = breaker.withLock { breaker in
            isQuiet.store(false, ordering: .relaxed)
            return breaker.failed(.now)
        }
        guard change == .opened else { return }
        metrics.circuitOpened.increment()
        logger.warning(
            "cache: Redis does not answer; reads go to the source until it does", metadata: ["error": "\(error)"])
        observers.tell(.circuitOpened)
    }

    /// A loaded value was stored, or could not be; said once per change.
    func stored(_ failure: (any Error)?) {
        guard let failure else {
            guard isUnsaved.load(ordering: .relaxed), isUnsaved.exchange(false, ordering: .relaxed) else { return }
            logger.notice("cache: loaded values are stored again")
            return
        }
        metrics.unsaved.increment()
        guard !isUnsaved.exchange(true, ordering: .relaxed) else { return }
        logger.warning(
            "cache: a loaded value could not be stored; callers have it all the same",
            metadata: ["error": "\(failure)"])
    }

    /// True while calls are refused at once.
    var isOpen: Bool { breaker.withLock { $0.isOpen } }
}

// MARK: - The server's time

extension CacheEngine {
    /// Takes the server's time, µs, out of a reply to what was sent at `sent`.
    func note(serverTime: Int64, sentAt sent: Int64) {
        let received = Self.localTime
        clock.value.withLock { $0.note(serverTime, sent: sent, received: received) }
    }

    /// The server's time now, µs; nil when nothing recent is known.
    var serverTime: Int64? { clock.value.withLock { $0.time(Self.localTime) } }

    /// The latest time that the server's clock is known to have shown, µs; see ``ServerClock/latestKnown(_:)``.
    var latestServerTime: Int64 { clock.value.withLock { $0.latestKnown(Self.localTime) } }

    /// A clock that never jumps, µs.
    static var localTime: Int64 { Moment.nanoseconds / 1_000 }
}

extension RedisError {
    /// Redis is not there, or not able to answer anybody.
    var isOutage: Bool {
        switch code {
        case .connectFailed, .connectionLost, .timedOut, .notConnected, .queueFull, .loading, .busy, .clusterDown,
            .noAuthentication, .wrongPassword, .protocolViolation:
            true
        default: false
        }
    }
}
