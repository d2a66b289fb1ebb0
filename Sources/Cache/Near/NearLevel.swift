import Logging
import Metrics
import RedisCore
import Synchronization

/// The level of a cache that lives in this process, for one root of one client.
///
/// It hands out only what it would have been told of if it had changed: by the server (tracking) or by the other caches
/// (backplane). With any doubt it drops everything. What is handed out was true at most two heartbeats ago, whatever
/// happens to the connection: it is trusted for that long from the last moment up to which all is proved to be told.
final class NearLevel: TrackingListener {
    private enum Mode {
        case connecting
        case tracking
        /// The server does not track; the channel is not heard yet, or not any more.
        case leaving
        case backplane
        case off(String)
    }

    private struct State {
        var mode = Mode.connecting
        var tracking: Tracking?
        var listening: Task<Void, Never>?
        var isWarned = false
    }

    let store: NearCacheStore
    private let options: NearCacheOptions
    private let backplane: NearBackplane
    private let logger: Logger
    private let metrics: CacheMetrics
    private let observers: CacheObservers
    private let root: String
    /// Whether something may have been kept since the last flush.
    private let isOpen = Atomic(false)
    /// Nanoseconds for which a proof counts.
    private let trust: Int64
    /// The longest life of an entry, ns, in the mode at hand.
    private let maxAge: Atomic<Int64>
    private let state = Mutex(State())

    private init(_ engine: CacheEngine, _ keys: CacheKeys, _ options: NearCacheOptions) {
        let redis = engine.redis
        self.options = options
        metrics = engine.metrics
        observers = engine.observers
        root = keys.root
        logger = redis.logger
        store = NearCacheStore(entries: options.entries, bytes: options.bytes)
        backplane = NearBackplane(redis, channel: keys.backplane)
        trust = 2 * redis.configuration.heartbeat.wholeNanoseconds
        maxAge = Atomic(options.maxAge.wholeNanoseconds)
    }

    deinit {
        state.withLock { $0.listening?.cancel() }
        backplane.finish()
    }

    /// Makes one and begins to track.
    static func start(_ engine: CacheEngine, _ keys: CacheKeys, _ options: NearCacheOptions) -> NearLevel {
        let near = NearLevel(engine, keys, options)
        do throws(RedisError) {
            let tracking = try engine.redis.track(prefixes: keys.trackedPrefixes, near)
            near.state.withLock { $0.tracking = tracking }
        } catch {
            near.trackingIsUnavailable(error)
        }
        return near
    }

    var status: NearStatus {
        let mode = state.withLock(\.mode)
        let described: NearStatus.State =
            switch mode {
            case .connecting, .leaving: .connecting
            case .tracking: store.isTrusted ? .tracking : .doubtful
            case .backplane: store.isTrusted ? .backplane : .doubtful
            case .off(let reason): .off(reason)
            }
        return NearStatus(state: described, figures: store.figures)
    }
}

// MARK: - Reading

extension NearLevel {
    /// What is taken before a value is read, and decides whether it may be kept.
    struct Read {
        let ticket: UInt64
        /// Before sending, ``Moment/nanoseconds``.
        let began: Int64
    }

    /// To be called **before** a value is read; nil while none would be kept.
    func begin(_ entry: RedisKey) -> Read? {
        let began = Moment.nanoseconds
        return entry.withUTF8 { store.ticket($0) }.map { Read(ticket: $0, began: began) }
    }

    /// Keeps what was read, for the rest of its life in Redis (ms; nil for no end) and `maxAge` at most.
    func keep(
        _ value: NearValue, of entry: RedisKey, _ read: Read, life: Int64?, size: Int, groups: [String]
    ) {
        var age = maxAge.load(ordering: .relaxed)
        if let life { age = min(age, life &* 1_000_000) }
        guard age > 0 else { return }
        _ = entry.withUTF8 {
            store.fill($0, value, expires: read.began + age, size: size, groups: groups, ticket: read.ticket)
        }
    }
}

// MARK: - Writing

extension NearLevel {
    /// Forgets entries that are about to be changed here, or have been.
    ///
    /// Of `groups`, which are stamps of tags or namespaces, everything.
    func forget(entries: [RedisKey] = [], groups: [RedisKey] = []) {
        for entry in entries { entry.withUTF8 { store.invalidate($0) } }
        for group in groups { group.withUTF8 { store.invalidateGroup($0) } }
    }

    /// Tells others, where the server does not, what was changed here.
    func tell(entries: [RedisKey] = [], groups: [RedisKey] = []) {
        let mode = state.withLock(\.mode)
        switch mode {
        case .tracking, .off: return
        // Whether anybody has to be told is not known yet.
        case .connecting, .leaving, .backplane: break
        }
        guard options.onUnavailable != .off else { return }
        let changes: [NearMessage.Change] =
            entries.map { .entry(ExactString($0.name)) } + groups.map { .group(ExactString($0.name)) }
        if case .connecting = mode { backplane.hold(changes) } else { backplane.tell(changes) }
    }
}

// MARK: - News from the server, on the loop's thread

extension NearLevel {
    func trackingIsReady(asOf: Int64) {
        state.withLock { state in
            state.mode = .tracking
            state.listening?.cancel()
            state.listening = nil
        }
        backplane.stop()
        maxAge.store(options.maxAge.wholeNanoseconds, ordering: .relaxed)
        open()
    }

    func trackedKeyChanged(_ key: UnsafeRawBufferPointer) {
        switch CacheKeys.changed(key) {
        case .entry: store.invalidate(key)
        case .group: store.invalidateGroup(key)
        case .companion: break
        }
    }

    func trackedKeysFlushed() { flush(isOpen: true) }

    func trackingIsProved(asOf: Int64) {
        switch state.withLock(\.mode) {
        case .tracking, .backplane: store.trust(until: asOf + trust)
        case .connecting, .leaving, .off: break
        }
    }

    func trackingIsInterrupted() {
        state.withLock { state in
            switch state.mode {
            case .tracking, .connecting: state.mode = .connecting
            case .backplane, .leaving: state.mode = .leaving
            case .off: break
            }
        }
        shut()
    }

    func trackingIsUnavailable(_ error: RedisError) {
        shut()
        var mustWarn = false
        state.withLock { state in
            mustWarn = !state.isWarned && error.code != .closed
            state.isWarned = true
            guard error.code != .closed, case .backplane(let age) = options.onUnavailable else {
                state.mode = .off("\(error)")
                return
            }
            state.mode = .leaving
            maxAge.store(min(options.maxAge, age).wholeNanoseconds, ordering: .relaxed)
            guard state.listening == nil else { return }
            state.listening = Task.detached { [backplane, weak self] in
                await backplane.listen { [weak self] event in self?.heard(event) }
            }
        }
        backplane.release()
        guard mustWarn else { return }
        logger.notice(
            "near cache: the server does not tell which keys change",
            metadata: ["fallback": "\(options.onUnavailable)", "error": "\(error)"])
    }

    /// From now on every change is told, and nothing is known.
    private func open() {
        let now = Moment.nanoseconds
        flush(isOpen: true)
        // All that will be kept is read later than now.
        store.trust(until: now + trust)
    }

    private func shut() {
        store.trust(until: .min)
        flush(isOpen: false)
    }

    /// Everything goes: counted, whatever the reason, and told if there could be something.
    private func flush(isOpen: Bool) {
        let wasOpen = self.isOpen.exchange(isOpen, ordering: .sequentiallyConsistent)
        store.flush(isOpen: isOpen)
        metrics.nearFlushes.increment()
        guard wasOpen else { return }
        logger.debug("near cache: everything was dropped", metadata: ["prefix": "\(root)"])
        observers.tell(.nearFlushed, root: root)
    }
}

// MARK: - News from other caches, on the loop's thread

extension NearLevel {
    private func heard(_ event: NearBackplane.Event) {
        let isListening = state.withLock { state in
            switch (state.mode, event) {
            case (.leaving, .listening), (.backplane, .listening):
                state.mode = .backplane
                return true
            case (.backplane, .changed): return true
            default: return false
            }
        }
        guard isListening else { return }
        switch event {
        case .listening: open()
        case .changed(.entry(let key)): forget(entries: [RedisKey(key.text)])
        case .changed(.group(let key)): forget(groups: [RedisKey(key.text)])
        case .changed(.all): flush(isOpen: true)
        }
    }
}

extension RedisKey {
    /// The bytes of its name.
    @inline(__always)
    func withUTF8<T>(_ body: (UnsafeRawBufferPointer) -> T) -> T {
        var name = name
        return name.withUTF8 { body(UnsafeRawBufferPointer($0)) }
    }
}

extension Duration {
    /// Whole nanoseconds, of durations far below the 292 years at which this would overflow.
    fileprivate var wholeNanoseconds: Int64 { Int64(attoseconds / 1_000_000_000) }
}
