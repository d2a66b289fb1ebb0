import RedisCore

/// One load that callers share, from the lease to the stored value: pure; its owner asks Redis, loads and waits.
///
/// ```
/// acquire ─granted─▶ load ─▶ fill ─▶ end          held ─▶ listen ─▶ acquire ─▶ wait ─▶ acquire …
///    │                 └─throws─▶ drop ─▶ end        └─ nobody waits for it, or a stale value will do ─▶ end
///    ├─changed─▶ read ─▶ end
///    └─no answer─▶ load, unsaved ─▶ end
/// ```
struct FillMachine: Sendable {
    /// What the load is for.
    enum Purpose: Sendable, Equatable {
        /// Nobody waits: the value is still good.
        case refresh
        /// Who waits has a stale value to fall back on.
        case stale
        case miss
    }

    enum Action: Sendable, Equatable {
        case acquire
        /// Subscribe to the lease's wake-ups, then say ``listening(_:)``.
        case listen
        /// Wait for a wake-up, until then at most.
        case wait(until: Moment)
        /// Read the entry that somebody else has filled.
        case read
        /// `at` is the server's time of the lease; nil when the value is not to be stored.
        case load(at: Int64?)
        case fill
        /// Give the lease back; after a failure others are held back for a moment.
        case drop(failed: Bool)
        case end(Ending)
    }

    enum Ending: Sendable, Equatable {
        /// Confirmed: nothing was invalidated between the load's begin and its storing.
        case loaded(isConfirmed: Bool)
        /// Somebody else's value.
        case read
        case failed
        /// Look again: there may be another value, or nobody waited any more.
        case unsettled
        /// Somebody else loads, or a load failed lately.
        case held(left: Duration)
    }

    /// Without wake-ups the lease is asked for so often.
    static let pollInterval = Duration.milliseconds(250)
    /// A lost wake-up costs at most this much latency.
    static let longestSleep = Duration.seconds(5)

    let purpose: Purpose
    private let waitsForOthers: Bool
    private let giveUpAt: Moment
    private var isListening = false
    /// Subscribing failed, or is not possible.
    private var isDeaf = false
    private var afterDrop = Ending.failed

    /// `giveUpAt` bounds the wait for other processes' loads.
    init(_ purpose: Purpose, waitsForOthers: Bool, giveUpAt: Moment) {
        self.purpose = purpose
        self.waitsForOthers = waitsForOthers
        self.giveUpAt = giveUpAt
    }

    /// `hasRedis` is false when the entry could not be read.
    func begin(hasRedis: Bool) -> Action { hasRedis ? .acquire : .load(at: nil) }

    /// nil when Redis gave no answer, or refused.
    mutating func acquired(_ answer: FillAnswer?, now: Moment) -> Action {
        switch answer {
        case .granted(let time): .load(at: time)
        case .changed: .read
        case nil: .load(at: nil)
        case .failed(let left) where purpose != .miss: .end(.held(left: left))
        case .held(let left), .failed(let left): held(left, now)
        }
    }

    private func held(_ left: Duration, _ now: Moment) -> Action {
        guard purpose != .refresh else { return .end(.held(left: left)) }
        guard waitsForOthers, now < giveUpAt else { return giveUp(left) }
        guard isListening || isDeaf else { return .listen }
        return .wait(until: min(giveUpAt, now + min(left, isDeaf ? Self.pollInterval : Self.longestSleep)))
    }

    /// The wait for others is over.
    private func giveUp(_ left: Duration) -> Action {
        purpose == .stale ? .end(.held(left: left)) : .load(at: nil)
    }

    /// The subscription is confirmed, or could not be had; either way the lease may have been given back before.
    mutating func listening(_ success: Bool) -> Action {
        isListening = success
        isDeaf = !success
        return .acquire
    }

    /// A wake-up, or the end of the wait.
    func woken() -> Action { .acquire }

    /// Nobody waits any more, and nothing is being loaded.
    func deserted() -> Action { .end(.unsettled) }

    func read(isValue: Bool) -> Action { .end(isValue ? .read : .unsettled) }

    /// `at` as it was in ``Action/load(at:)``.
    mutating func loaded(at time: Int64?, canBeStored: Bool) -> Action {
        guard time != nil else { return .end(.loaded(isConfirmed: false)) }
        guard !canBeStored else { return .fill }
        afterDrop = .loaded(isConfirmed: false)
        return .drop(failed: false)
    }

    mutating func failed(at time: Int64?) -> Action {
        guard time != nil else { return .end(.failed) }
        afterDrop = .failed
        return .drop(failed: true)
    }

    /// nil when Redis gave no answer.
    func filled(landed: Bool?, isAlive: Bool?) -> Action {
        .end(.loaded(isConfirmed: landed == true && isAlive == true))
    }

    func dropped() -> Action { .end(afterDrop) }
}
