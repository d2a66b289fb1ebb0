import FoundationEssentials
import Logging
import Metrics
import RedisCore
import Tracing

/// One flight from its start to its end, in a task of its own that nobody cancels; ``FillMachine`` decides.
struct FillRun<Value: Codable & Sendable>: Sendable {
    let call: RememberCall<Value>
    let flight: Flight<Value>
    let purpose: FillMachine.Purpose
    /// Of the entry that is to be replaced.
    let print: EntryPrint
    let hasRedis: Bool
    private let token = FillToken()

    private var cache: RedisCache { call.cache }
    private var entry: RedisKey { call.entry }
    private var terms: RememberOptions { call.terms }
    private var operation: String { call.operation }
    private var engine: CacheEngine { call.engine }

    init(
        call: RememberCall<Value>, flight: Flight<Value>, purpose: FillMachine.Purpose, print: EntryPrint,
        hasRedis: Bool
    ) {
        self.call = call
        self.flight = flight
        self.purpose = purpose
        self.print = print
        self.hasRedis = hasRedis
    }

    /// What the flight has at hand.
    private struct Cargo {
        var wakes: FillWakes?
        /// Nobody knows whether the lease was granted.
        var mayHoldLease = false
        /// It was granted, and storing may not have ended it.
        var holdsLease = false
        /// Until when the load may run.
        var leaseEnd = Moment.now
        /// The server's time of the lease, µs, and ours.
        var grantedAt: Int64?
        let began = Moment.now
        var loadBegan = Moment.now
        var end = FlightEnd<Value>(ending: .unsettled)
        var loaded: Loaded<Value?>?
        var entry: NewEntry?
    }

    func run() async {
        var machine = FillMachine(
            purpose, waitsForOthers: terms.acrossProcesses, giveUpAt: .now + terms.waitForOthers)
        var cargo = Cargo()
        var action = machine.begin(hasRedis: hasRedis)
        while true {
            switch action {
            case .acquire: action = machine.acquired(await acquire(&cargo), now: .now)
            case .listen: action = machine.listening(await listen(&cargo))
            case .wait(let until):
                await flight.bell.wait(for: until - .now, on: engine.redis.eventLoop)
                action = flight.isDeserted ? machine.deserted() : machine.woken()
            case .read: action = machine.read(isValue: await read(&cargo))
            case .load(let at): action = await load(at, &cargo, &machine)
            case .fill: action = await fill(&machine, &cargo)
            case .drop(let failed):
                await drop(failed: failed, &cargo)
                action = machine.dropped()
            case .end(let ending): return await end(ending, cargo)
            }
        }
    }

    private func end(_ ending: FillMachine.Ending, _ cargo: Cargo) async {
        // Others go on before this one tidies up; and nobody joins what has ended.
        rest(ending)
        engine.flights.end(flight)
        let end = cargo.end
        flight.end(
            FlightEnd(ending: ending, value: end.value, began: end.began, took: end.took, error: end.error))
        await cargo.wakes?.close()
        if cargo.holdsLease {
            await giveBack(until: cargo.leaseEnd)
        } else if cargo.mayHoldLease {
            _ = try? await cache.dropFill(entry, token, operation)
        }
    }

    /// A server that is read-only or gone for a moment would keep others waiting for a value that does not come.
    private func giveBack(until end: Moment) async {
        var pause = Duration.milliseconds(50)
        while (try? await cache.dropFill(entry, token, operation)) == nil, .now + pause < end {
            guard (try? await engine.redis.eventLoop.sleep(for: pause)) != nil else { return }
            pause = min(pause + pause, .seconds(1))
        }
    }

    /// While others load, or after a failure, callers with a value to serve do not ask again and again.
    private func rest(_ ending: FillMachine.Ending) {
        guard purpose != .miss else { return }
        switch ending {
        case .held(let left): engine.flights.rest(entry, print, until: .now + left)
        case .failed:
            engine.flights.rest(entry, print, until: .now + .milliseconds(terms.pauseMilliseconds(purpose)))
        case .loaded, .read, .unsettled: break
        }
    }
}

// MARK: - The lease

extension FillRun {
    private func acquire(_ cargo: inout Cargo) async -> FillAnswer? {
        let sent = Moment.now
        // Who has a value to serve respects every failure, the others only for the pause.
        let respect = purpose == .miss ? terms.failurePause.wholeMilliseconds : CacheTTL.longest.wholeMilliseconds
        do {
            let answer = try await cache.acquireFill(
                entry, token, replacing: print, lease: terms.leaseMilliseconds, respect: respect, operation)
            cargo.leaseEnd = sent + terms.loadLease
            return answer
        } catch {
            cargo.mayHoldLease = true
            engine.stored(error)
            return nil
        }
    }

    private func listen(_ cargo: inout Cargo) async -> Bool {
        engine.metrics.leaseWaits.increment()
        let channel = CacheKeys.lease(of: entry).name + cache.keys.wakeSuffix
        cargo.wakes = await FillWakes(engine.redis, channel, bell: flight.bell, within: cache.options.timeout)
        return cargo.wakes != nil
    }

    private func drop(failed: Bool, _ cargo: inout Cargo) async {
        let pause = terms.pauseMilliseconds(purpose)
        let isDropped = try? await cache.dropFill(
            entry, token, failedFor: failed && pause > 0 ? pause : nil, operation)
        // It may have got lost: tried again when the callers have gone on.
        if isDropped == nil { cargo.holdsLease = true }
    }

    /// The entry that another process has filled; who joins from now on reads for itself.
    private func read(_ cargo: inout Cargo) async -> Bool {
        engine.flights.seal(flight)
        guard let seen = try? await call.look(), seen.sight == .hit || seen.sight == .early else { return false }
        cargo.end.value = seen.value
        cargo.end.took = Moment.now - cargo.began
        return true
    }
}

// MARK: - The load

extension FillRun {
    private func load(
        _ at: Int64?, _ cargo: inout Cargo, _ machine: inout FillMachine
    ) async -> FillMachine.Action {
        if at == nil { cargo.leaseEnd = .now + terms.loadLease }
        cargo.loadBegan = .now
        cargo.grantedAt = at
        cargo.end.began = engine.flights.beginLoad()
        engine.metrics.loads.increment()
        let result = await Self.bounded(until: cargo.leaseEnd, call, engine.redis.eventLoop)
        let took = Moment.now - cargo.loadBegan
        cargo.end.took = took
        switch result {
        case .success(let loaded):
            cargo.end.value = loaded.value
            cache.tell(.loaded(took, by: purpose == .refresh ? .refresh : .own), of: entry)
            guard let at else { return machine.loaded(at: nil, canBeStored: false) }
            do {
                cargo.entry = try NewEntry(loaded, call, at: at, took: took, replaces: print != .none)
            } catch {
                engine.stored(error)
            }
            return machine.loaded(at: at, canBeStored: cargo.entry != nil)
        case .failure(let error):
            engine.metrics.loadFailures.increment()
            cache.tell(.loadFailed(took, error), of: entry)
            if purpose == .refresh {
                engine.logger.info(
                    "cache: a value could not be refreshed; it is served while it is good",
                    metadata: ["key": "\(entry)", "error": "\(type(of: error))"])
            }
            cargo.end.error = error
            return machine.failed(at: at)
        }
    }

    /// The load in a task of its own, cancelled when its lease ends: a loader that hangs holds nobody up for longer.
    private static func bounded(
        until end: Moment, _ call: RememberCall<Value>, _ loop: EventLoop
    ) async -> Result<Loaded<Value?>, any Error> {
        let outcome = FirstOutcome<Result<Loaded<Value?>, any Error>>()
        let task = Task {
            do {
                let loaded = try await withSpan("cache.load", ofKind: .internal) { _ in try await call.load() }
                outcome.settle(.success(loaded))
            } catch {
                outcome.settle(.failure(error))
            }
        }
        let timer = loop.schedule(after: end - .now) {
            let error = CacheError(
                .loadTimedOut, operation: call.operation, key: call.entry.name,
                message: "the load took longer than \(call.terms.loadLease) and was cancelled")
            if outcome.settle(.failure(error)) { task.cancel() }
        }
        let result = await outcome.value
        timer.cancel()
        return result
    }

    /// Stores the value if nothing came between, and asks at the same time what was invalidated.
    private func fill(_ machine: inout FillMachine, _ cargo: inout Cargo) async -> FillMachine.Action {
        guard let new = cargo.entry, let at = cargo.grantedAt else { return machine.filled(landed: nil, isAlive: nil) }
        // Whoever joined before this line began before both commands are sent: they see all that was invalidated then.
        engine.flights.seal(flight)
        async let isAlive = try? cache.isAlive(written: at, tags: new.tags, operation)
        var landed: Bool?
        do {
            landed = try await cache.fill(entry, token, new.bytes, life: new.life, operation)
            if landed == false {
                engine.metrics.refusedFills.increment()
            } else {
                engine.metrics.writes.increment()
                cache.tell(.set, of: entry)
            }
            engine.stored(nil)
        } catch {
            // A full server takes no value, but gives the lease back: nobody waits for what does not come.
            cargo.holdsLease = true
            engine.stored(error)
        }
        return machine.filled(landed: landed, isAlive: await isAlive)
    }
}
