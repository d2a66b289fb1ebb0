import DequeModule
import Synchronization

/// The bounded buffer between the loop, which appends, and one consumer anywhere, which takes.
final class SubscriptionStorage: Sendable {
    typealias Continuation = UnsafeContinuation<Void, Never>

    private struct State {
        var buffer = Deque<SubscriptionEvent>()
        var bytes = 0
        var dropped = 0
        /// Set while the consumer sleeps on an empty buffer.
        var waiter: Continuation?
        /// No more events come; what is buffered is still handed out.
        var isFinished = false
        var isPaused = false
    }

    /// What the loop does after an append.
    enum Verdict { case kept, full }

    let id: UInt64
    private let limits: SubscriptionBuffer
    private let state = Mutex(State())
    /// Called once the consumer has made room in a buffer that paused reading.
    private let onRoom: @Sendable () -> Void

    init(id: UInt64, _ limits: SubscriptionBuffer, onRoom: @escaping @Sendable () -> Void) {
        self.id = id
        self.limits = limits
        self.onRoom = onRoom
    }

    var dropped: Int { state.withLock { $0.dropped } }

    /// Takes one event by the overflow policy; wakes the consumer if it sleeps. Returns `full` when reading must stop.
    func append(_ event: SubscriptionEvent) -> Verdict {
        let (waiter, verdict) = state.withLock { state -> (Continuation?, Verdict) in
            guard !state.isFinished else { return (nil, .kept) }
            var verdict = Verdict.kept
            if Self.isFull(state, event.byteCount, limits) {
                switch limits.overflow {
                case .dropNewest where event.isMessage:
                    state.dropped += 1
                    return (nil, .kept)
                case .dropOldest: Self.dropOldest(&state, event.byteCount, limits)
                // A gap is never dropped, and what was read before reading stopped is kept.
                case .dropNewest, .blockReading: break
                }
            }
            state.buffer.append(event)
            state.bytes += event.byteCount
            if limits.overflow == .blockReading, Self.isFull(state, 0, limits) {
                state.isPaused = true
                verdict = .full
            }
            defer { state.waiter = nil }
            return (state.waiter, verdict)
        }
        waiter?.resume()
        return verdict
    }

    private static func isFull(_ state: State, _ more: Int, _ limits: SubscriptionBuffer) -> Bool {
        // A message larger than the limit is taken when nothing else is there: it could never be delivered otherwise.
        state.buffer.count >= limits.capacity || (state.bytes + more > limits.maxBytes && !state.buffer.isEmpty)
    }

    private static func dropOldest(_ state: inout State, _ more: Int, _ limits: SubscriptionBuffer) {
        while isFull(state, more, limits), let index = state.buffer.firstIndex(where: \.isMessage) {
            state.bytes -= state.buffer.remove(at: index).byteCount
            state.dropped += 1
        }
    }

    /// The next event; nil at the end, or when the calling task is cancelled.
    func next() async -> SubscriptionEvent? {
        while true {
            let taken = state.withLock { state -> (SubscriptionEvent?, isOver: Bool, hasRoom: Bool) in
                guard let first = state.buffer.popFirst() else { return (nil, state.isFinished, false) }
                state.bytes -= first.byteCount
                return (first, false, Self.unpause(&state, limits))
            }
            if taken.hasRoom { onRoom() }
            if let event = taken.0 { return event }
            guard !taken.isOver, await waitForEvents() else { return nil }
        }
    }

    /// Up to `max` events that are there, at least one; nil at the end, or when the calling task is cancelled.
    func nextBatch(max: Int) async -> [SubscriptionEvent]? {
        while true {
            let taken = state.withLock { state -> ([SubscriptionEvent], isOver: Bool, hasRoom: Bool) in
                let count = min(max, state.buffer.count)
                guard count > 0 else { return ([], state.isFinished, false) }
                let events = Array(state.buffer.prefix(count))
                state.buffer.removeFirst(count)
                state.bytes -= events.reduce(0) { $0 + $1.byteCount }
                return (events, false, Self.unpause(&state, limits))
            }
            if taken.hasRoom { onRoom() }
            if !taken.0.isEmpty { return taken.0 }
            guard !taken.isOver, await waitForEvents() else { return nil }
        }
    }

    /// True once when a paused buffer is half empty again.
    private static func unpause(_ state: inout State, _ limits: SubscriptionBuffer) -> Bool {
        guard state.isPaused, state.buffer.count <= limits.capacity / 2, state.bytes <= limits.maxBytes / 2 else {
            return false
        }
        state.isPaused = false
        return true
    }

    /// Sleeps until there is something to look at; false when the task was cancelled.
    private func waitForEvents() async -> Bool {
        await withTaskCancellationHandler {
            await withUnsafeContinuation { (continuation: Continuation) in
                let mustNotWait = state.withLock { state in
                    // A second consumer would orphan the first: the first is woken and looks again.
                    let previous = state.waiter
                    state.waiter = nil
                    previous?.resume()
                    if !state.buffer.isEmpty || state.isFinished || Task.isCancelled { return true }
                    state.waiter = continuation
                    return false
                }
                if mustNotWait { continuation.resume() }
            }
        } onCancel: {
            wake()
        }
        return !Task.isCancelled
    }

    private func wake() {
        let waiter = state.withLock { state in
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume()
    }

    /// No more events come. `discarding` also forgets those that are there.
    func finish(discarding: Bool) {
        state.withLock { state in
            state.isFinished = true
            guard discarding else { return }
            state.buffer.removeAll()
            state.bytes = 0
        }
        wake()
    }
}

/// The same buffer, not the same content.
extension SubscriptionStorage: Hashable {
    static func == (left: SubscriptionStorage, right: SubscriptionStorage) -> Bool { left === right }

    func hash(into hasher: inout Hasher) { hasher.combine(id) }
}

extension SubscriptionEvent {
    var byteCount: Int {
        if case .message(let message) = self { message.payload.count } else { 0 }
    }

    var isMessage: Bool {
        if case .message = self { true } else { false }
    }
}
