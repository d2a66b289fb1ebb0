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

    /// How calls went lately.
    struct Calls: Sendable {
        var breaker = CircuitBreaker()
        var refusals = RefusalLog()
    }

    let calls = Mutex(Calls())
    /// Nothing failed and nothing was refused lately: spares every call the mutex.
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

        /// Another server may answer from now on.
        func forget() { value.withLock { $0.forget(CacheEngine.localTime) } }
    }

    private init(_ redis: RedisClient, _ metrics: CacheMetrics) {
        self.redis = redis
        self.metrics = metrics
        let clock = SharedClock()
        self.clock = clock
        reconnects = redis.observeReconnects { clock.forget() }
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
            answered(operation)
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
            answered(operation)
            return values
        } catch {
            throw failure(error, verdict, operation, key)
        }
    }

    /// Before a call: whether it may be sent.
    private func ask(_ operation: String, _ key: String?) throws(CacheError) -> CircuitBreaker.Verdict {
        let verdict = isQuiet.load(ordering: .relaxed) ? .proceed : calls.withLock { $0.breaker.ask(.now) }
        guard verdict == .refuse else { return verdict }
        metrics.refused.increment()
        throw CacheError(
            .unavailable, operation: operation, key: key,
            message: "\(operation) was not sent: Redis did not answer lately and is left alone for a moment")
    }

    @inline(__always)
    private func answered(_ operation: String) {
        if !isQuiet.load(ordering: .relaxed) { succeeded(operation) }
    }

    /// After a call that failed: tells the breaker, and what to throw.
    private func failure(
        _ error: RedisError, _ verdict: CircuitBreaker.Verdict, _ operation: String, _ key: String?
    ) -> any Error {
        if error.isOutage {
            failed(error)
        } else {
            // The server answered, if only with an error.
            if error.code != .cancelled, verdict == .trial { succeeded(nil) }
            if error.isRefusedCall { refused(error, operation) }
        }
        return CacheError.from(error, operation: operation, key: key)
    }

    /// `operation` is nil when the answer was an error.
    private func succeeded(_ operation: String?) {
        let (change, isRefusedNoMore) = calls.withLock { calls in
            let isRefusedNoMore = operation.map { calls.refusals.answered($0, .now) } ?? false
            isQuiet.store(calls.refusals.isEmpty, ordering: .relaxed)
            return (calls.breaker.succeeded(), isRefusedNoMore)
        }
        if isRefusedNoMore, let operation {
            logger.notice("cache: Redis takes calls again", metadata: ["operation": "\(operation)"])
        }
        guard change == .closed else { return }
        logger.notice("cache: Redis answers again")
        observers.tell(.circuitClosed)
    }

    /// Counts a call that the server refused; said once per change.
    private func refused(_ error: RedisError, _ operation: String) {
        metrics.failures.increment()
        let isNews = calls.withLock { calls in
            isQuiet.store(false, ordering: .relaxed)
            return calls.refusals.refused(operation, error.code, .now)
        }
        guard isNews else { return }
        logger.warning(
            "cache: Redis refuses calls; reads may go to the source meanwhile",
            metadata: ["operation": "\(operation)", "code": "\(error.code.rawValue)", "error": "\(error)"])
    }

    private func failed(_ error: RedisError) {
        metrics.failures.increment()
        let change = calls.withLock { calls in
            isQuiet.store(false, ordering: .relaxed)
            return calls.breaker.failed(.now)
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
    var isOpen: Bool { calls.withLock { $0.breaker.isOpen } }
}

// MARK: - The server's time

extension CacheEngine {
    /// Takes the server's time, µs, out of a reply to what was sent at `sent`.
    ///
    /// Not one that no clock shows: what is computed with it must not overflow.
    func note(serverTime: Int64, sentAt sent: Int64) {
        guard (0..<1 << 62).contains(serverTime) else { return }
        let received = Self.localTime
        clock.value.withLock { $0.note(serverTime, sent: sent, received: received) }
    }

    /// The server's time now, µs; nil when nothing recent is known: then it is asked for with whatever is asked.
    var serverTime: Int64? { clock.value.withLock { $0.time(Self.localTime) } }

    /// The server's time now for judging a reply, µs; see ``ServerClock/judging(_:)``.
    var judgingTime: Int64? { clock.value.withLock { $0.judging(Self.localTime) } }

    /// Another server may answer from now on.
    func forgetTime() { clock.forget() }

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

    /// The server answered that it does not do this, for a reason other than the value that is there.
    var isRefusedCall: Bool {
        guard serverMessage != nil, !isOutage else { return false }
        let error = CacheError.from(self, operation: operation, key: nil) as? CacheError
        return error?.ofNumbers.code == .unavailable
    }
}
