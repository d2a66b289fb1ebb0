import RedisCore
import Synchronization

/// Where calls of this process wait for a key; only the one whose turn it is asks Redis.
final class LimitLines: Sendable {
    typealias ID = LineOrder.ID

    private struct Entry {
        var waiter = Waiter()
        var deadline: LoopTimer?
    }

    private struct State {
        var order = LineOrder()
        var entries: [ID: Entry] = [:]
        var nextID: ID = 0
    }

    private let state = Mutex(State())

    /// How many wait for the key, the one that asks included.
    func waiting(for key: String) -> Int { state.withLock { $0.order.count(key) } }

    /// Runs `body` when everybody who came before is through; nil when the deadline passed before that.
    func inTurn<Value>(
        _ key: String, until deadline: ContinuousClock.Instant?, on loop: EventLoop, _ body: () async throws -> Value
    ) async throws -> Value? {
        let id = enter(key)
        defer { leave(key, id) }
        if let deadline {
            let timer = loop.schedule(after: deadline - .now) { [weak self] in self?.signal(id, .timedOut) }
            state.withLock { $0.entries[id]?.deadline = timer }
        }
        switch await turn(id) {
        case .cancelled: throw CancellationError()
        case .timedOut: return nil
        case .attempt: return try await body()
        }
    }

    private func enter(_ key: String) -> ID {
        state.withLock { state in
            state.nextID += 1
            let id = state.nextID
            var entry = Entry()
            // Nobody suspends before this returns, so there is no continuation to resume.
            if state.order.join(id, key) { _ = entry.waiter.signal(.attempt) }
            state.entries[id] = entry
            return id
        }
    }

    private func leave(_ key: String, _ id: ID) {
        let (timer, next) = state.withLock { state -> (LoopTimer?, CheckedContinuation<Waiter.Signal, Never>?) in
            let timer = state.entries.removeValue(forKey: id)?.deadline
            let next = state.order.leave(id, key)
            return (timer, next.flatMap { state.entries[$0]?.waiter.signal(.attempt) })
        }
        timer?.cancel()
        next?.resume(returning: .attempt)
    }

    private func turn(_ id: ID) async -> Waiter.Signal {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let kept = state.withLock { $0.entries[id]?.waiter.suspend(continuation) }
                if let kept { continuation.resume(returning: kept) }
            }
        } onCancel: {
            signal(id, .cancelled)
        }
    }

    private func signal(_ id: ID, _ signal: Waiter.Signal) {
        state.withLock { $0.entries[id]?.waiter.signal(signal) }?.resume(returning: signal)
    }
}
