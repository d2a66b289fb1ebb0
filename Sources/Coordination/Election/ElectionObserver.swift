import Logging
import RedisCore

/// Reads who leads whenever something was announced, after a gap, and when a lease is over.
struct ElectionObserver: Sendable {
    /// How long a missed announcement can go unnoticed.
    private static let longestSleep = Duration.seconds(5)

    private let elections: Elections
    private let key: String
    private let channel: String

    init(_ elections: Elections, key: String, channel: String) {
        self.elections = elections
        self.key = key
        self.channel = channel
    }

    func stream() -> AsyncStream<Leader?> {
        let (stream, continuation) = AsyncStream<Leader?>.makeStream(bufferingPolicy: .bufferingNewest(16))
        let task = Task {
            await observe(continuation)
            continuation.finish()
        }
        continuation.onTermination = { _ in task.cancel() }
        return stream
    }

    private func observe(_ continuation: AsyncStream<Leader?>.Continuation) async {
        let redis = elections.engine.redis
        let signal = ElectionSignal(redis.eventLoop)
        let listener = Task(executorPreference: redis.eventLoop) { await listen(signal) }
        await withTaskCancellationHandler {
            var last: Leader??
            while !Task.isCancelled, !signal.isStopped {
                var pause = Self.longestSleep
                do {
                    let leader = try await elections.leader(key)
                    if last.map({ $0?.term != leader?.term }) ?? true { continuation.yield(leader) }
                    last = .some(leader)
                    if let leader { pause = min(pause, max(leader.leaseLeft, .milliseconds(1))) }
                } catch {
                    // Redis being away says nothing about who leads; a closed client never comes back.
                    if (error as? CoordinationError)?.isClosed == true { return signal.stop() }
                }
                _ = await signal.wait(until: .now + pause)
            }
        } onCancel: {
            signal.stop()
        }
        listener.cancel()
        await listener.value
    }

    private func listen(_ signal: ElectionSignal) async {
        let redis = elections.engine.redis
        while !Task.isCancelled {
            do {
                let subscription = try await redis.subscribe(channels: [channel])
                signal.wake()
                while await subscription.nextBatch() != nil { signal.wake() }
                await subscription.cancel()
            } catch {
                // A closed client never opens again: the sequence ends.
                if error.code == .closed { return signal.stop() }
                redis.logger.info("observing without announcements for now", metadata: ["error": "\(error)"])
            }
            try? await redis.eventLoop.sleep(for: Self.longestSleep)
        }
    }
}
