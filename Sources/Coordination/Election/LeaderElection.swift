import FoundationEssentials
import Logging
public import RedisCore
public import ServiceLifecycle
import Synchronization

/// One candidate in an election: at most one of a name leads at a time, as far as a lease can tell.
///
/// ```swift
/// let election = try LeaderElection(redis, name: "scheduler") { leadership in
///     while true { try await schedule(fence: leadership.term) }       // cancelled when the term ends
/// }
/// try await ServiceGroup(services: [redis, election], logger: logger).run()
/// ```
///
/// `run()` campaigns until a graceful shutdown. While this candidate leads, `whileLeader` runs; it is cancelled when
/// the lease is lost, when it could not be renewed for `renewDeadline` (before the lease can lapse), when an
/// administrator ends the term, and at the shutdown. On the way out the candidate resigns, so that a successor takes
/// over at once; after a crash one does when the lease is over.
///
/// What no election on one Redis can give stands in ``Locks``: an earlier leader that was paused may act once more
/// before it knows. Pass ``Leadership/term`` to whatever must not obey it.
///
/// After client-go's `leaderelection`, with the decision and the time on the server.
public final class LeaderElection: Service, Sendable {
    /// What the candidates compete for.
    public let name: String
    /// Who this candidate is, for observers and administrators.
    public let id: String

    let request: ElectionRequest
    private let body: @Sendable (Leadership) async throws -> Void
    private let current = Mutex<Leadership?>(nil)
    private let isRunning = Atomic(false)
    let listeners = ElectionListeners()

    /// A candidate; nothing is sent before ``run()``.
    ///
    /// - Parameters:
    ///   - redis: The client to use; list it before this service, so that it is open until the resignation is sent.
    ///   - name: 1 to 1,024 bytes.
    ///   - id: 1 to 1,024 bytes, for people; nil for the client's name, or else host and process id.
    ///   - timing: Lease 15 s, renew deadline 10 s, retry 2 s.
    ///   - whileLeader: What the leader does. When it returns, the candidate resigns and lets others have a turn; when
    ///     it throws, it resigns and `run()` throws that.
    /// - Throws: `invalidArgument` for names, and for times in the wrong relation.
    public init(
        _ redis: RedisClient, name: String, id: String? = nil, timing: ElectionTiming = ElectionTiming(),
        whileLeader: @escaping @Sendable (Leadership) async throws -> Void
    ) throws(CoordinationError) {
        let keys = CoordinationKeys(redis.configuration, naming: .standard)
        let process = ProcessInfo.processInfo
        self.name = name
        self.id = id ?? redis.configuration.clientName ?? "\(process.hostName):\(process.processIdentifier)"
        try CoordinationKeys.check(self.id, "a candidate's id")
        request = ElectionRequest(
            engine: CoordinationEngine.of(redis), name: name, id: self.id, keys: try keys.election(name),
            wakeSuffix: keys.wakeSuffix, times: try ElectionTimes(timing))
        body = whileLeader
    }

    /// A candidate whose code asks ``leadership`` when it matters.
    public convenience init(
        _ redis: RedisClient, name: String, id: String? = nil, timing: ElectionTiming = ElectionTiming()
    ) throws(CoordinationError) {
        try self.init(redis, name: name, id: id, timing: timing) { leadership in
            // Ends with the task's cancellation, which is the end of the term.
            _ = await leadership.lease.waitUntilLost()
        }
    }

    /// The term of office of this candidate, while it may be relied on; costs no round trip.
    public var leadership: Leadership? {
        current.withLock { $0 }.flatMap { $0.isTrusted ? $0 : nil }
    }

    /// What happens to this candidate from now on, until `run()` ends; the newest 100 are kept for a slow reader.
    public func events() -> AsyncStream<ElectionEvent> { listeners.stream() }

    /// Campaigns, and leads when elected, until a graceful shutdown or cancellation; resigns before it returns.
    ///
    /// One request per `retry` while another leads, one at each announced change, and a renewal per third of the lease
    /// while leading. Redis being away is no error: it is asked again.
    ///
    /// - Throws: what `whileLeader` throws, other than because its term ended; `invalidArgument` when it runs already;
    ///   `unavailable` when the client is closed meanwhile; `CancellationError` when cancelled.
    public func run() async throws {
        guard !isRunning.exchange(true, ordering: .relaxed) else {
            throw CoordinationError(
                .invalidArgument, operation: "elect", key: request.keys.leader,
                message: "the candidate \(id) of \(name) runs already; make another one")
        }
        defer { isRunning.store(false, ordering: .relaxed) }
        let run = ElectionRun(self, request)
        defer { listeners.finish() }
        try await withTaskCancellationOrGracefulShutdownHandler {
            try await run.run()
        } onCancelOrGracefulShutdown: {
            run.signal.stop()
        }
        try Task.checkCancellation()
    }

    func lead(_ leadership: Leadership) async throws { try await body(leadership) }
    func setCurrent(_ leadership: Leadership?) { current.withLock { $0 = leadership } }
}

/// Those who read a candidate's events.
final class ElectionListeners: Sendable {
    private struct State {
        var continuations: [Int: AsyncStream<ElectionEvent>.Continuation] = [:]
        var nextID = 0
    }

    private let state = Mutex(State())

    func stream() -> AsyncStream<ElectionEvent> {
        let (stream, continuation) = AsyncStream<ElectionEvent>.makeStream(bufferingPolicy: .bufferingNewest(100))
        let id = state.withLock { state in
            state.nextID += 1
            state.continuations[state.nextID] = continuation
            return state.nextID
        }
        continuation.onTermination = { [weak self] _ in self?.state.withLock { $0.continuations[id] = nil } }
        return stream
    }

    func tell(_ event: ElectionEvent) {
        for continuation in state.withLock({ Array($0.continuations.values) }) { continuation.yield(event) }
    }

    func finish() {
        let all = state.withLock { state in
            defer { state.continuations = [:] }
            return Array(state.continuations.values)
        }
        for continuation in all { continuation.finish() }
    }
}
