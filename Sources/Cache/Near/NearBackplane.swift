import RedisCore
import Synchronization

/// Tells the other near caches of a root what was changed here, and hears what was changed there.
final class NearBackplane: Sendable {
    private let redis: RedisClient
    private let channel: String
    private let retryAfter: Duration
    private let outbox: Mutex<BackplaneOutbox>
    private let inbox: Mutex<BackplaneInbox>
    private let subscription = Mutex<RedisSubscription?>(nil)

    /// Its owner is gone.
    private let isFinished = Atomic(false)

    private static let batch = 64
    /// How often an outbox without an owner tries; by then the others have let go of what is too old.
    private static let lastTries = 5

    init(_ redis: RedisClient, channel: String, retryAfter: Duration = .seconds(2)) {
        self.redis = redis
        self.channel = channel
        self.retryAfter = retryAfter
        let sender = UInt64.random(in: 1 ... .max)
        outbox = Mutex(BackplaneOutbox(sender: sender))
        inbox = Mutex(BackplaneInbox(own: sender))
    }

    // MARK: Hearing

    /// What it hears, on the loop's thread.
    enum Event: Sendable {
        /// Since the last event of this kind nothing was missed; what is known from before may be stale.
        case listening
        case changed(NearMessage.Change)
    }

    /// Begins to listen and keeps at it until it does, or the client is closed.
    func listen(_ handler: @escaping @Sendable (Event) -> Void) async {
        while !Task.isCancelled {
            do throws(RedisError) {
                let opened = try await redis.listen(channel: channel) { [weak self] event in
                    self?.heard(event, handler)
                }
                subscription.withLock { $0 = opened }
                inbox.withLock { $0.forget() }
                await redis.eventLoop.run { handler(.listening) }
                return
            } catch {
                if error.code == .closed { return }
                try? await Task.sleep(for: retryAfter)
            }
        }
    }

    private func heard(_ event: SubscriptionEvent, _ handler: (Event) -> Void) {
        switch event {
        case .gap:
            inbox.withLock { $0.forget() }
            handler(.listening)
        case .message(let message):
            let action = inbox.withLock { $0.received(message.payload) }
            if case .drop(let change) = action { handler(.changed(change)) }
        }
    }

    /// Its owner is gone: what is not told yet is told, if that can be done soon, and what others say is not heard.
    func finish() {
        isFinished.store(true, ordering: .relaxed)
        subscription.withLock { $0 = nil }
        release()
    }

    /// Nobody needs it: what is not told yet is forgotten, and what others say is not heard.
    func stop() {
        outbox.withLock { $0.abandon() }
        subscription.withLock { $0 = nil }
    }

    // MARK: Telling

    /// Keeps changes that have happened, until it is known whether others have to be told.
    func hold(_ changes: [NearMessage.Change]) { outbox.withLock { $0.note(changes) } }

    /// Tells what was held.
    func release() { tell([]) }

    /// Tells others of changes that have happened; returns at once, tries until it is done.
    func tell(_ changes: [NearMessage.Change]) {
        let mustBegin = outbox.withLock { outbox in
            outbox.note(changes)
            return outbox.begin()
        }
        guard mustBegin else { return }
        Task.detached { [self] in await send() }
    }

    /// Changes not told yet.
    var untold: Int { outbox.withLock(\.count) }

    private func send() async {
        var tries = 0
        while true {
            let messages = outbox.withLock { $0.next(max: Self.batch) }
            guard !messages.isEmpty else { return }
            let failed = await publish(messages)
            guard !failed.isEmpty else { continue }
            outbox.withLock { $0.failed(failed) }
            if isFinished.load(ordering: .relaxed) { tries += 1 }
            if redis.isClosed || tries >= Self.lastTries { outbox.withLock { $0.abandon() } }
            try? await Task.sleep(for: retryAfter)
        }
    }

    /// One round trip; returns what was not told.
    private func publish(_ messages: [NearMessage]) async -> [NearMessage] {
        let commands = messages.map { RedisCommand("PUBLISH", channel, $0.text) }
        do throws(RedisError) {
            let results = try await redis.pipeline(commands)
            return zip(messages, results).compactMap { message, result in
                if case .success = result { nil } else { message }
            }
        } catch {
            return messages
        }
    }
}
