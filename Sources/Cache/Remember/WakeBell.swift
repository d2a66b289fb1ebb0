import RedisCore
import Synchronization

/// Wakes one sleeper; a ring while nobody sleeps is kept for the next.
final class WakeBell: Sendable {
    private struct State {
        var hasRung = false
        var sleeper: FirstOutcome<Void>?
    }

    private let state = Mutex(State())

    func ring() {
        let sleeper = state.withLock { state in
            state.hasRung = state.sleeper == nil
            return state.sleeper.take()
        }
        sleeper?.settle(())
    }

    /// Until it rings, for `time` at most.
    ///
    /// One sleeper at a time.
    func wait(for time: Duration, on loop: EventLoop) async {
        let outcome = FirstOutcome<Void>()
        let hasRung = state.withLock { state in
            if !state.hasRung { state.sleeper = outcome }
            defer { state.hasRung = false }
            return state.hasRung
        }
        guard !hasRung else { return }
        let timer = loop.schedule(after: time) { outcome.settle(()) }
        await outcome.value
        timer.cancel()
        state.withLock { $0.sleeper = nil }
    }
}

/// The wake-ups of one fill lease, while somebody waits for it.
final class FillWakes: Sendable {
    private let subscription: RedisSubscription

    /// nil when the server does not confirm in time; then nothing is left behind.
    init?(_ redis: RedisClient, _ channel: String, bell: WakeBell, within limit: Duration) async {
        let outcome = FirstOutcome<RedisSubscription?>()
        let asking = Task(executorPreference: redis.eventLoop) {
            let subscription = try? await redis.subscribe(channels: [channel])
            if !outcome.settle(subscription) { await subscription?.cancel() }
        }
        let timer = redis.eventLoop.schedule(after: limit) {
            if outcome.settle(nil) { asking.cancel() }
        }
        let answer = await outcome.value
        timer.cancel()
        guard let answer else { return nil }
        subscription = answer
        Task(executorPreference: redis.eventLoop) {
            // A gap is a ring too: what was missed may have been the one that counts.
            while await answer.nextBatch() != nil { bell.ring() }
            bell.ring()
        }
    }

    func close() async { await subscription.cancel() }
}
