import FoundationEssentials
import Metrics
import RedisCore

/// One call of `remember`: reads, joins loads, keeps time; ``RememberMachine`` decides.
struct RememberCall<Value: Codable & Sendable>: Sendable {
    let cache: RedisCache
    let entry: RedisKey
    let ttl: CacheTTL
    let tags: [String]
    let terms: RememberOptions
    let operation: String
    /// Whether "there is no value" is an answer.
    let takesNothing: Bool
    let load: @Sendable () async throws -> Loaded<Value?>

    var engine: CacheEngine { cache.engine }
    private var flights: FlightTable { cache.engine.flights }

    func run() async throws -> Remembered<Value> {
        var machine = RememberMachine(ticket: flights.ticket)
        var hasTold = false
        let seen = try await look(hasTold: &hasTold)
        let action = machine.saw(seen.sight, isResting: isResting(seen))
        // Nearly every call ends here, and pays for nothing that the others need.
        if case .deliver(let refreshing) = action { return delivered(seen, refreshing) }
        return try await run(machine, action, seen, hasTold)
    }

    private func delivered(_ seen: Seen, _ refreshing: Bool) -> Remembered<Value> {
        engine.metrics.hits.increment()
        cache.tell(seen.value == nil ? .negativeHit(.redis) : .hit(.redis), of: entry)
        if refreshing { refresh(seen) }
        return Remembered(value: seen.value, origin: .cache)
    }

    private func run(
        _ machine: RememberMachine, _ first: RememberMachine.Action, _ seen: Seen, _ hasTold: Bool
    ) async throws -> Remembered<Value> {
        var (machine, action, seen, hasTold) = (machine, first, seen, hasTold)
        var end: FlightEnd<Value>?
        var deadlines: Deadlines?
        var isOwn = false
        while true {
            switch action {
            case .look:
                seen = try await look(hasTold: &hasTold)
                action = machine.saw(seen.sight, isResting: isResting(seen))
            case .deliver(let refreshing): return delivered(seen, refreshing)
            case .deliverStale:
                engine.metrics.stale.increment()
                cache.tell(.staleServed, of: entry)
                return Remembered(value: seen.value, origin: .stale)
            case .join, .flyAlone:
                let waits = deadlines ?? Deadlines(terms)
                deadlines = waits
                let (flight, isNew) = board(action, seen, &machine)
                isOwn = isNew
                let signal = await wait(for: flight, waits, hasStale: seen.sight == .stale)
                switch signal {
                case .ended(let flightEnd):
                    end = flightEnd
                    action = machine.ended(flightEnd.ending, began: flightEnd.began)
                case .softTimedOut: action = machine.softTimedOut()
                case .hardTimedOut: action = machine.hardTimedOut()
                case .cancelled: throw CancellationError()
                }
            case .deliverLoaded, .deliverRead:
                // Shared with a call for which "there is none" is an answer: this one goes on.
                guard takesNothing || end?.value != nil else {
                    action = .look
                    continue
                }
                let isRead = action == .deliverRead
                // A load of its own has been told by the task that loaded.
                if isRead || !isOwn {
                    cache.tell(.loaded(end?.took ?? .zero, by: isRead ? .otherProcess : .shared), of: entry)
                }
                return Remembered(value: end?.value, origin: isRead ? .cache : .source)
            case .fail: throw end?.error ?? timedOut()
            case .failTimedOut: throw timedOut()
            }
        }
    }

    private func timedOut() -> CacheError {
        CacheError(
            .loadTimedOut, operation: operation, key: entry.name,
            message: "the value was not loaded in time, and there is no older one that may be served")
    }
}

// MARK: - Reading

extension RememberCall {
    /// What a read found.
    struct Seen: Sendable {
        var sight = RememberMachine.Sight.missing
        var value: Value?
        /// Of what a load would replace.
        var print = EntryPrint.none
    }

    /// Looks, and tells the first time that there was nothing.
    private func look(hasTold: inout Bool) async throws -> Seen {
        do {
            let seen = try await look()
            guard !hasTold, seen.sight == .missing || seen.sight == .unreachable else { return seen }
            hasTold = true
            cache.tell(seen.sight == .missing ? .miss : .unavailable, of: entry)
            return seen
        } catch let error as CacheError where error.code == .unavailable {
            cache.tell(.unavailable, of: entry)
            throw error
        }
    }

    func look() async throws -> Seen {
        let sight: EntrySight
        let near = cache.nearLevel?.begin(entry)
        do {
            sight = try await cache.sight(
                entry, tags: tags, operation: operation, withLife: near != nil, slides: true)
        } catch let error as CacheError where error.mayBeMiss && cache.options.failure == .open {
            return Seen(sight: .unreachable)
        }
        let seen = judge(sight)
        if seen.sight == .missing { engine.metrics.misses.increment() }
        if let near, seen.sight == .hit {
            let found = seen.value.map { CacheLookup.hit($0) } ?? .miss
            cache.keepNear(found, sight.state, entry, near, life: sight.life)
        }
        return seen
    }

    private func judge(_ sight: EntrySight) -> Seen {
        switch sight.state {
        case .absent: return Seen()
        case .dead: return missing(sight)
        case .damaged: return undecodable(sight)
        case .present(let stored):
            let standing = standing(of: stored)
            guard standing != .over else { return missing(sight) }
            do throws(CacheError) {
                let value = try cache.value(of: stored, Value.self, entry, operation)
                guard takesNothing || value != nil else { return missing(sight) }
                switch standing {
                case .fresh: return Seen(sight: .hit, value: value)
                case .early: return Seen(sight: .early, value: value, print: print(of: sight))
                default: return Seen(sight: .stale, value: value, print: print(of: sight))
                }
            } catch {
                return undecodable(sight)
            }
        }
    }

    private func undecodable(_ sight: EntrySight) -> Seen {
        engine.metrics.undecodable.increment()
        cache.tell(.undecodable, of: entry)
        return missing(sight)
    }

    private func standing(of stored: StoredEntry) -> EntryAge.Standing {
        guard let age = EntryAge(stored.envelope) else { return .fresh }
        let maxStale = terms.failSafe.map { $0.maxStale.nanoseconds / 1_000 }
        return age.standing(at: engine.judgingTime, early: terms.early, maxStale: maxStale) { .random(in: 0..<1) }
    }

    private func print(of sight: EntrySight) -> EntryPrint { sight.bytes.map(EntryPrint.init) ?? .none }
    private func missing(_ sight: EntrySight) -> Seen { Seen(print: print(of: sight)) }

    private func isResting(_ seen: Seen) -> Bool {
        guard seen.sight == .early || seen.sight == .stale else { return false }
        return flights.isResting(entry, seen.print)
    }
}

// MARK: - Loading

extension RememberCall {
    /// When waiting ends, counted from the first wait.
    struct Deadlines {
        let soft: Moment?
        let hard: Moment?

        init(_ terms: RememberOptions) {
            let now = Moment.now
            soft = terms.softTimeout.map { now + $0 }
            hard = terms.hardTimeout.map { now + $0 }
        }
    }

    private func refresh(_ seen: Seen) {
        guard let flight = flights.start(entry, Value.self) else { return }
        engine.metrics.earlyRefreshes.increment()
        start(flight, .refresh, seen)
    }

    /// The flight to wait for, started if it is a new one, which this call then owns.
    private func board(
        _ action: RememberMachine.Action, _ seen: Seen, _ machine: inout RememberMachine
    ) -> (flight: Flight<Value>, isNew: Bool) {
        guard case .join(let purpose) = action else {
            let flight = flights.alone(entry, Value.self)
            machine.joined(isLate: false)
            start(flight, .miss, Seen(sight: .unreachable))
            return (flight, true)
        }
        let (flight, seat) = flights.join(entry, Value.self)
        machine.joined(isLate: seat.isLate)
        if seat.isNew { start(flight, purpose, seen) }
        return (flight, seat.isNew)
    }

    private func start(_ flight: Flight<Value>, _ purpose: FillMachine.Purpose, _ seen: Seen) {
        let run = FillRun(
            call: self, flight: flight, purpose: purpose, print: seen.print, hasRedis: seen.sight != .unreachable)
        Task { await run.run() }
    }

    /// Until the flight ends, this caller's patience does, or its task is cancelled.
    private func wait(
        for flight: Flight<Value>, _ deadlines: Deadlines, hasStale: Bool
    ) async -> Flight<Value>.Signal {
        let waiter = flight.enter()
        var timers: [LoopTimer] = []
        let now = Moment.now
        if hasStale, let soft = deadlines.soft {
            timers.append(engine.redis.eventLoop.schedule(after: soft - now) { waiter.settle(.softTimedOut) })
        }
        if let hard = deadlines.hard {
            timers.append(engine.redis.eventLoop.schedule(after: hard - now) { waiter.settle(.hardTimedOut) })
        }
        let signal = await withTaskCancellationHandler {
            await waiter.value
        } onCancel: {
            waiter.settle(.cancelled)
        }
        for timer in timers { timer.cancel() }
        flight.leave(waiter)
        return signal
    }
}
