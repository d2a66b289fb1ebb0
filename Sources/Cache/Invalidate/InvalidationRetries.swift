import Logging
import Metrics
import RedisCore
import Synchronization

/// Sends what is queued again and again until it is done: one task, which lives as long as something waits.
///
/// The task keeps this alive: what waits is not lost with an ``Invalidator`` or a repository made for one request.
final class InvalidationRetries: Sendable {
    typealias Send = @Sendable ([Invalidation]) async throws -> Void

    private struct State {
        var queue: InvalidationQueue
        var task: Task<Void, Never>?
        /// Being sent at the moment: not in the queue, and not done.
        var underWay = 0
        /// The client was closed: nothing will be sent any more.
        var isClosed = false
    }

    private let state: Mutex<State>
    private let life: Duration
    private let clock: any Clock<Duration>
    private let logger: Logger
    private let metrics: InvalidationMetrics
    private let send: Send

    static let firstPause = Duration.milliseconds(100)
    static let longestPause = Duration.seconds(5)

    init(
        capacity: Int, life: Duration, clock: any Clock<Duration>, logger: Logger, metrics: InvalidationMetrics,
        send: @escaping Send
    ) {
        state = Mutex(State(queue: InvalidationQueue(capacity: capacity)))
        self.life = life
        self.clock = clock
        self.logger = logger
        self.metrics = metrics
        self.send = send
    }

    /// How many wait, or are on their way.
    var count: Int { state.withLock { $0.queue.count + $0.underWay } }

    func add(_ all: [Invalidation], because error: any Error) {
        let until = Moment.now + life
        let (count, widened) = state.withLock { state in
            let widened = all.map { state.queue.add($0, until: until) }.contains(.widened)
            if state.task == nil, !state.isClosed { state.task = Task { await self.run() } }
            return (state.queue.count, widened)
        }
        metrics.queued.increment(by: Int64(all.count))
        note(widened: widened)
        if count == all.count {
            logger.warning(
                "cache: invalidations wait until Redis answers", metadata: ["error": "\(error)"])
        }
    }

    private func note(widened: Bool) {
        guard widened else { return }
        metrics.widened.increment()
        logger.warning("cache: too many invalidations wait; the whole namespace will be cleared instead")
    }

    /// Sends all that waits, once; true when nothing is left.
    func flush() async -> Bool {
        let batch = state.withLock { state in
            let (batch, abandoned) = state.queue.take(.now)
            state.underWay += batch.count
            if abandoned > 0 { metrics.abandoned.increment(by: Int64(abandoned)) }
            return batch
        }
        guard !batch.isEmpty else { return state.withLock { $0.queue.count == 0 } }
        do {
            try await send(batch.map(\.what))
            metrics.recovered.increment(by: Int64(batch.count))
            return state.withLock { state in
                state.underWay -= batch.count
                return state.queue.count == 0
            }
        } catch {
            let isClosed = ((error as? CacheError)?.underlying as? RedisError)?.code == .closed
            let widened = state.withLock { state in
                state.underWay -= batch.count
                state.isClosed = isClosed
                return state.queue.putBack(batch) == .widened
            }
            note(widened: widened)
            return false
        }
    }

    /// Ends when nothing is left, because it was sent or given up after its `life`, or with the client's closing.
    private func run() async {
        var pause = Self.firstPause
        while true {
            // A pause with jitter: the processes of a fleet lose Redis at the same moment.
            try? await clock.sleep(for: pause * Double.random(in: 0.5...1))
            if await flush(), end() { return }
            if state.withLock({ $0.isClosed }) { return }
            pause = min(pause * 2, Self.longestPause)
        }
    }

    /// The task ends unless something came in meanwhile.
    private func end() -> Bool {
        state.withLock { state in
            guard state.queue.count == 0 else { return false }
            state.task = nil
            return true
        }
    }
}
