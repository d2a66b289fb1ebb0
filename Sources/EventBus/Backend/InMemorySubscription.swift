import DequeModule
import RedisCore
import Synchronization

/// One subscription of an `InMemoryEventBus`: a bounded buffer and at most one waiting consumer.
final class InMemorySubscription: EventSubscription {
    /// How many messages were for this subscription, and who waits for them.
    struct Delivery {
        var count: Int
        var waiter: CheckedContinuation<Void, Never>?
    }

    private struct State {
        var buffer: Deque<SubscriptionEvent> = []
        var bytes = 0
        var waiter: CheckedContinuation<Void, Never>?
        var isFinished = false
        var dropped = 0
    }

    /// By their bytes, as Redis tells channels apart.
    private let channels: Set<ExactString>
    private let patterns: [(text: String, glob: GlobPattern)]
    private let limits: SubscriptionBuffer
    private let onFinish: @Sendable () -> Void
    private let state = Mutex(State())

    init(
        channels: [String], patterns: [String], buffer: SubscriptionBuffer, onFinish: @escaping @Sendable () -> Void
    ) {
        self.channels = Set(channels.map { ExactString($0) })
        self.patterns = Set(patterns.map { ExactString($0) }).sorted().map { ($0.text, GlobPattern($0.text)) }
        limits = buffer
        self.onFinish = onFinish
    }

    /// One message for the channel and one for each pattern that matches, as Redis sends them; returns how many.
    func deliver(_ payload: [UInt8], to channel: String) -> Delivery {
        var events: [SubscriptionEvent] = []
        if channels.contains(ExactString(channel)) {
            events.append(.message(SubscriptionMessage(channel: channel, pattern: nil, payload: payload)))
        }
        for pattern in patterns where pattern.glob.matches(channel) {
            events.append(
                .message(SubscriptionMessage(channel: channel, pattern: pattern.text, payload: payload)))
        }
        return append(events)
    }

    /// Buffers events; the caller resumes the waiter when it holds no lock.
    func append(_ events: [SubscriptionEvent]) -> Delivery {
        state.withLock { state in
            if state.isFinished || events.isEmpty { return Delivery(count: 0) }
            for event in events { Self.keep(event, in: &state, limits) }
            return Delivery(count: events.count, waiter: state.waiter.take())
        }
    }

    /// Gaps are never dropped, and neither is a message larger than the limit when it is alone.
    private static func keep(_ event: SubscriptionEvent, in state: inout State, _ limits: SubscriptionBuffer) {
        func isFull() -> Bool {
            state.buffer.count >= limits.capacity
                || (state.bytes + event.size > limits.maxBytes && !state.buffer.isEmpty)
        }
        switch limits.overflow {
        case .blockReading: break
        case .dropNewest:
            if event.isMessage, isFull() {
                state.dropped += 1
                return
            }
        case .dropOldest:
            while isFull(), let index = state.buffer.firstIndex(where: \.isMessage) {
                state.bytes -= state.buffer.remove(at: index).size
                state.dropped += 1
            }
        }
        state.buffer.append(event)
        state.bytes += event.size
    }

    var dropped: Int { state.withLock { $0.dropped } }

    func nextBatch(limit: Int) async -> [SubscriptionEvent]? {
        await withTaskCancellationHandler {
            while !Task.isCancelled {
                let (batch, isFinished) = state.withLock { state in
                    let batch = Array(state.buffer.prefix(limit))
                    state.buffer.removeFirst(batch.count)
                    state.bytes -= batch.reduce(0) { $0 + $1.size }
                    return (batch, state.isFinished)
                }
                if !batch.isEmpty { return batch }
                if isFinished { return nil }
                await wait()
            }
            return nil
        } onCancel: {
            state.withLock { $0.waiter.take() }?.resume()
        }
    }

    private func wait() async {
        await withCheckedContinuation { continuation in
            let hasNews = state.withLock { state in
                // Cancellation is looked at under the lock: its handler either comes later or has already set the flag.
                if !state.buffer.isEmpty || state.isFinished || Task.isCancelled { return true }
                state.waiter = continuation
                return false
            }
            if hasNews { continuation.resume() }
        }
    }

    func finish() async { end(keepingBuffer: true) }

    func cancel() async { end(keepingBuffer: false) }

    private func end(keepingBuffer: Bool) {
        let waiter = state.withLock { state in
            state.isFinished = true
            if !keepingBuffer {
                state.buffer.removeAll()
                state.bytes = 0
            }
            return state.waiter.take()
        }
        waiter?.resume()
        onFinish()
    }
}

extension SubscriptionEvent {
    fileprivate var size: Int {
        if case .message(let message) = self { message.payload.count } else { 0 }
    }

    fileprivate var isMessage: Bool {
        if case .message = self { true } else { false }
    }
}
