import RedisCore
import Synchronization

/// Where calls wait for a name without polling: woken by the holder's release, by the end of the holder's time to live,
/// or after `longestSleep` in case a message was lost.
///
/// One queue per wake channel, first come first served within this process; only its first waiter asks Redis. Waiters
/// that do not exclude each other wait alone: a message wakes all of them.
final class WaitRoom: Sendable {
    typealias Instant = Moment

    /// What an attempt found.
    enum Verdict<Value: Sendable>: Sendable {
        /// Ours now, for the time given unless it is renewed.
        case granted(Value, holdsFor: Duration)
        /// The end of the waiting for everybody in the queue.
        case settled(Value)
        /// Somebody else's; nil when the holder's key never expires.
        case denied(left: Duration?)
    }

    private struct Entry {
        /// Its line: the channel, unless it waits alone.
        let line: LineID
        var waiter = Waiter()
        var deadline: LoopTimer?
    }

    private struct Line {
        var queue: WaitQueue
        /// When the earliest timer fires.
        ///
        /// Timers are not taken back: an early one finds nothing to do.
        var armed: Instant?
    }

    /// Who stands in one line: everybody who waits on the channel, or one who waits alone.
    private struct LineID: Hashable {
        let channel: ExactString
        var alone: WaitQueue.ID?
    }

    private struct State {
        var lines: [LineID: Line] = [:]
        /// Those who wait alone, by channel.
        var alone: [ExactString: Set<WaitQueue.ID>] = [:]
        var watchers: [ExactString: @Sendable () -> Void] = [:]
        var entries: [WaitQueue.ID: Entry] = [:]
        var nextID: WaitQueue.ID = 0
        var random = SplitMix(seed: .random(in: .min ... .max))
    }

    /// What is to be done once the lock is released.
    private struct Effects {
        var resumed: CheckedContinuation<Waiter.Signal, Never>?
        var timer: Instant?
        var opened = false
        var closed = false
    }

    private let redis: RedisClient
    /// A lost wake-up costs at most this much latency.
    private let longestSleep: Duration
    private let state = Mutex(State())
    /// Set once, by `init`, before anybody else can see this object.
    private let subscription: WakeSubscription

    init(_ redis: RedisClient, longestSleep: Duration = .seconds(5)) {
        self.redis = redis
        self.longestSleep = longestSleep
        let relay = Relay()
        subscription = WakeSubscription(redis) { event in relay.room.withLock(\.value)?.heard(event) }
        relay.room.withLock { $0.value = self }
    }

    /// Breaks the circle between the room and its subscription.
    private final class Relay: Sendable {
        struct Weak { weak var value: WaitRoom? }
        let room = Mutex(Weak())
    }

    /// True when nobody waits and nothing is subscribed or being asked for.
    var isIdle: Bool { state.withLock { $0.entries.isEmpty } && subscription.isIdle }

    /// True when somebody in this process waits on the channel: a newcomer belongs behind them.
    func isBusy(_ channel: String) -> Bool {
        state.withLock { !$0.lines.isEmpty && $0.lines[LineID(channel: ExactString(channel))] != nil }
    }

    /// How many wait on the channel.
    func waiting(on channel: String) -> Int {
        let channel = ExactString(channel)
        return state.withLock { state in
            (state.lines[LineID(channel: channel)]?.queue.count ?? 0) + (state.alone[channel]?.count ?? 0)
        }
    }

    /// Waits for its turn, attempts, and again until granted or settled.
    ///
    /// nil when the deadline passed; throws what the attempt throws, and `CancellationError`.
    func wait<Value: Sendable>(
        on channel: String, until deadline: Instant?, alone: Bool = false,
        attempt: () async throws -> Verdict<Value>
    ) async throws -> Value? {
        let id = enter(ExactString(channel), deadline, alone)
        defer { leave(id) }
        while true {
            switch await signal(for: id) {
            case .cancelled: throw CancellationError()
            case .timedOut: return nil
            case .attempt: break
            }
            do {
                switch try await attempt() {
                case .granted(let value, let time):
                    finished(id, .granted(retryAt: .now + min(time, longestSleep)))
                    return value
                case .settled(let value):
                    finished(id, .over)
                    return value
                case .denied(let left):
                    finished(id, .denied(retryAt: .now + sleep(left)))
                }
            } catch {
                finished(id, .over)
                throw error
            }
        }
    }

    /// Until the holder's time is over and a little more, so that not every process asks in the same millisecond.
    private func sleep(_ left: Duration?) -> Duration {
        guard let left else { return longestSleep }
        let jitter = state.withLock { Duration.microseconds(Int64.random(in: 1_000...10_000, using: &$0.random)) }
        return min(max(left, .zero) + jitter, longestSleep)
    }

    // MARK: Watching

    /// Calls back, on the loop, for every message on a channel until `unwatch`.
    func watch(_ channel: String, _ handler: @escaping @Sendable () -> Void) {
        let channel = ExactString(channel)
        let isNew = state.withLock { $0.watchers.updateValue(handler, forKey: channel) == nil }
        if isNew { _ = subscription.want(channel) }
    }

    func unwatch(_ channel: String) {
        let channel = ExactString(channel)
        let wasThere = state.withLock { $0.watchers.removeValue(forKey: channel) != nil }
        if wasThere { subscription.unwant(channel) }
    }

    // MARK: Coming and going

    private func enter(_ channel: ExactString, _ deadline: Instant?, _ alone: Bool) -> WaitQueue.ID {
        let now = Moment.now
        let (id, line) = state.withLock { state in
            state.nextID += 1
            let id = state.nextID
            let line = LineID(channel: channel, alone: alone ? id : nil)
            state.entries[id] = Entry(line: line)
            if alone { state.alone[channel, default: []].insert(id) }
            return (id, line)
        }
        if let deadline {
            let timer = redis.eventLoop.schedule(after: max(.zero, deadline - now)) { [weak self] in
                self?.signal(id, .timedOut)
            }
            state.withLock { $0.entries[id]?.deadline = timer }
        }
        let isFirst = update(line, opening: now + longestSleep) { $0.join(id) }
        if isFirst, subscription.want(channel) { update(line) { $0.subscribed() } }
        return id
    }

    private func leave(_ id: WaitQueue.ID) {
        let entry = state.withLock { state -> Entry? in
            guard let entry = state.entries.removeValue(forKey: id) else { return nil }
            if entry.line.alone != nil {
                state.alone[entry.line.channel]?.remove(id)
                if state.alone[entry.line.channel]?.isEmpty == true { state.alone[entry.line.channel] = nil }
            }
            return entry
        }
        guard let entry else { return }
        entry.deadline?.cancel()
        update(entry.line) { $0.leave(id) }
    }

    private func finished(_ id: WaitQueue.ID, _ verdict: WaitQueue.Verdict) {
        guard let line = state.withLock({ $0.entries[id]?.line }) else { return }
        update(line) { $0.finished(id, verdict) }
    }

    // MARK: Signals

    private func signal(for id: WaitQueue.ID) async -> Waiter.Signal {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let kept = state.withLock { state -> Waiter.Signal? in
                    guard state.entries[id] != nil else {
                        preconditionFailure("a waiter waits between enter and leave")
                    }
                    return state.entries[id]?.waiter.suspend(continuation)
                }
                if let kept { continuation.resume(returning: kept) }
            }
        } onCancel: {
            signal(id, .cancelled)
        }
    }

    private func signal(_ id: WaitQueue.ID, _ signal: Waiter.Signal) {
        state.withLock { $0.entries[id]?.waiter.signal(signal) }?.resume(returning: signal)
    }

    private func heard(_ event: WakeSubscription.Event) {
        switch event {
        case .subscribed(let channels):
            for line in channels.flatMap(lines(on:)) { update(line) { $0.subscribed() } }
        case .woken(let channel):
            state.withLock { $0.watchers[channel] }?()
            for line in lines(on: channel) { update(line) { $0.wake() } }
        case .gap: for line in state.withLock({ Array($0.lines.keys) }) { update(line) { $0.wake() } }
        case .deaf:
            for line in state.withLock({ Array($0.lines.keys) }) {
                update(line) { queue in
                    queue.deaf()
                    return queue.wake()
                }
            }
        }
    }

    private func lines(on channel: ExactString) -> [LineID] {
        state.withLock { state in
            guard let alone = state.alone[channel] else { return [LineID(channel: channel)] }
            return [LineID(channel: channel)] + alone.map { LineID(channel: channel, alone: $0) }
        }
    }

    /// Runs one event of a queue and does what it asks for, outside the lock.
    ///
    /// With `opening`, a queue is made when there is none; true when it was.
    @discardableResult
    private func update(
        _ id: LineID, opening: Instant? = nil, _ event: (inout WaitQueue) -> WaitQueue.Action
    ) -> Bool {
        let effects = state.withLock { state in
            var effects = Effects()
            var line: Line
            if let known = state.lines.removeValue(forKey: id) {
                line = known
            } else if let opening {
                line = Line(queue: WaitQueue(retryAt: opening))
                effects.opened = true
            } else {
                return effects
            }
            if case .attempt(let id) = event(&line.queue),
                let continuation = state.entries[id]?.waiter.signal(.attempt)
            {
                effects.resumed = continuation
            }
            if line.queue.isEmpty {
                effects.closed = true
                return effects
            }
            if let at = line.queue.wakeAt, line.armed.map({ at < $0 }) ?? true {
                line.armed = at
                effects.timer = at
            }
            state.lines[id] = line
            return effects
        }
        if effects.closed { subscription.unwant(id.channel) }
        if let at = effects.timer { arm(id, at) }
        effects.resumed?.resume(returning: .attempt)
        return effects.opened
    }

    private func arm(_ id: LineID, _ at: Instant) {
        redis.eventLoop.schedule(after: max(.zero, at - .now)) { [weak self] in
            guard let self else { return }
            state.withLock { state in
                if state.lines[id]?.armed == at { state.lines[id]?.armed = nil }
            }
            update(id) { $0.timer(.now) }
        }
    }
}
