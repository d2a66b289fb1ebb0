import DequeModule
import Synchronization

/// The bounded buffer between the loop, which appends, and one consumer anywhere, which takes.
///
/// What arrives in one turn of the loop is staged without a lock and handed over at the turn's end: one lock and at
/// most one wake-up for all of it.
final class SubscriptionStorage: LoopFlushable, @unchecked Sendable {
    // Unchecked: `staged` belongs to the loop's thread; `state` is guarded by its mutex; all else is constant.

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

    let id: UInt64
    private let loop: EventLoop
    private let limits: SubscriptionBuffer
    private let state = Mutex(State())
    @exclusivity(unchecked) private var staged = Deque<SubscriptionEvent>()
    /// Told `true` on the loop when reading must stop, and `false` anywhere once there is room again.
    private let onPause: @Sendable (Bool) -> Void
    /// Gets every event at once, on the loop's thread, instead of a consumer.
    private let handler: (@Sendable (SubscriptionEvent) -> Void)?

    init(
        id: UInt64, _ limits: SubscriptionBuffer, on loop: EventLoop,
        handler: (@Sendable (SubscriptionEvent) -> Void)? = nil, onPause: @escaping @Sendable (Bool) -> Void
    ) {
        self.handler = handler
        self.id = id
        self.loop = loop
        self.limits = limits
        self.onPause = onPause
    }

    var dropped: Int { state.withLock { $0.dropped } }

    /// Takes an event; it is handed over before the loop polls again.
    ///
    /// Loop's thread.
    func stage(_ event: SubscriptionEvent) {
        if let handler { return handler(event) }
        if staged.isEmpty { loop.flushBeforePoll(self) }
        staged.append(event)
    }

    /// Hands over what was staged, by the overflow policy; wakes the consumer if it sleeps.
    ///
    /// Loop's thread.
    func flush() {
        let (waiter, mustPause) = state.withLock { state -> (Continuation?, Bool) in
            guard !state.isFinished else { return (nil, false) }
            while let event = staged.popFirst() { Self.append(event, to: &state, limits) }
            if limits.overflow == .blockReading, Self.isFull(state, 0, limits) { state.isPaused = true }
            defer { if !state.buffer.isEmpty { state.waiter = nil } }
            return (state.buffer.isEmpty ? nil : state.waiter, state.isPaused)
        }
        staged.removeAll(keepingCapacity: true)
        if mustPause { onPause(true) }
        waiter?.resume()
    }

    private static func append(
        _ event: consuming SubscriptionEvent, to state: inout State, _ limits: SubscriptionBuffer
    ) {
        if isFull(state, event.byteCount, limits) {
            switch limits.overflow {
            case .dropNewest where event.isMessage:
                state.dropped += 1
                return
            case .dropOldest: dropOldest(&state, event.byteCount, limits)
            // A gap is never dropped, and what was read before reading stopped is kept.
            case .dropNewest, .blockReading: break
            }
        }
        state.bytes += event.byteCount
        state.buffer.append(event)
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
            if taken.hasRoom { onPause(false) }
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
                var events: [SubscriptionEvent] = []
                events.reserveCapacity(count)
                while events.count < count, let event = state.buffer.popFirst() {
                    state.bytes -= event.byteCount
                    events.append(event)
                }
                return (events, false, Self.unpause(&state, limits))
            }
            if taken.hasRoom { onPause(false) }
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

    /// No more events come.
    ///
    /// `discarding` also forgets those that are there.
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
