import RedisCore
import Testing

@testable import Cache

@Suite struct RememberMachineTests {
    private let now = Moment.now

    @Test func `a load that began after the call is its own, an earlier one only when it is confirmed`() {
        var machine = RememberMachine(ticket: 5)
        #expect(machine.saw(.missing) == .join(.miss))
        machine.joined(isLate: false)
        #expect(machine.ended(.loaded(isConfirmed: false), began: 6) == .deliverLoaded)
        #expect(machine.ended(.loaded(isConfirmed: false), began: 5) == .look)
        #expect(machine.ended(.loaded(isConfirmed: true), began: 5) == .deliverLoaded)
        machine.joined(isLate: true)
        #expect(machine.ended(.loaded(isConfirmed: true), began: 5) == .look)
        #expect(machine.ended(.read, began: 0) == .look)
    }

    @Test func `a stale value stands in for a load that fails, is held by others or takes too long`() {
        var machine = RememberMachine(ticket: 0)
        #expect(machine.saw(.stale) == .join(.stale))
        #expect(machine.ended(.failed, began: 1) == .deliverStale)
        #expect(machine.ended(.held(left: .seconds(1)), began: 0) == .deliverStale)
        #expect(machine.hardTimedOut() == .deliverStale)
        #expect(machine.saw(.stale, isResting: true) == .deliverStale)
        #expect(machine.saw(.missing) == .join(.miss))
        #expect(machine.ended(.failed, began: 1) == .fail)
        #expect(machine.hardTimedOut() == .failTimedOut)
    }

    @Test func `values that always change before they are read end in a load of the call's own`() {
        var machine = RememberMachine(ticket: 0)
        for _ in 0..<RememberMachine.mostRounds {
            #expect(machine.saw(.missing) == .join(.miss))
            #expect(machine.ended(.unsettled, began: 0) == .look)
        }
        #expect(machine.saw(.missing) == .flyAlone)
    }

    @Test func `a value in its last fifth is delivered and refreshed, unless somebody rests`() {
        var machine = RememberMachine(ticket: 0)
        #expect(machine.saw(.early) == .deliver(refreshing: true))
        #expect(machine.saw(.early, isResting: true) == .deliver(refreshing: false))
        #expect(machine.saw(.hit) == .deliver(refreshing: false))
    }

    // MARK: Fills

    private func machine(_ purpose: FillMachine.Purpose, waits: Bool = true) -> FillMachine {
        FillMachine(purpose, waitsForOthers: waits, giveUpAt: now + .seconds(10))
    }

    @Test func `a loser listens, asks again, sleeps for the lease's rest, and gives up in the end`() {
        var fill = machine(.miss)
        #expect(fill.acquired(.held(left: .seconds(3)), now: now) == .listen)
        #expect(fill.listening(true) == .acquire)
        #expect(fill.acquired(.held(left: .seconds(3)), now: now) == .wait(until: now + .seconds(3)))
        #expect(fill.acquired(.held(left: .seconds(30)), now: now) == .wait(until: now + .seconds(5)))
        let late = now + .seconds(9)
        #expect(fill.acquired(.held(left: .seconds(3)), now: late) == .wait(until: now + .seconds(10)))
        #expect(fill.woken() == .acquire)
        #expect(fill.acquired(.held(left: .seconds(3)), now: now + .seconds(10)) == .load(at: nil))
        #expect(fill.loaded(at: nil, canBeStored: true) == .end(.loaded(isConfirmed: false)))
    }

    @Test func `without wake-ups a loser polls`() {
        var fill = machine(.miss)
        _ = fill.acquired(.held(left: .seconds(3)), now: now)
        #expect(fill.listening(false) == .acquire)
        #expect(
            fill.acquired(.held(left: .seconds(3)), now: now) == .wait(until: now + FillMachine.pollInterval))
    }

    @Test func `who has a value to serve waits for a load, never for a failure`() {
        var stale = machine(.stale)
        #expect(stale.acquired(.failed(left: .seconds(3)), now: now) == .end(.held(left: .seconds(3))))
        #expect(stale.acquired(.held(left: .seconds(3)), now: now) == .listen)
        #expect(
            stale.acquired(.held(left: .seconds(3)), now: now + .seconds(10)) == .end(.held(left: .seconds(3))))
        var refresh = machine(.refresh)
        #expect(refresh.acquired(.held(left: .seconds(3)), now: now) == .end(.held(left: .seconds(3))))
    }

    @Test func `without others every process loads at once and stores nothing it has no lease for`() {
        var fill = machine(.miss, waits: false)
        #expect(fill.acquired(.held(left: .seconds(3)), now: now) == .load(at: nil))
        #expect(fill.acquired(nil, now: now) == .load(at: nil))
        #expect(fill.begin(hasRedis: false) == .load(at: nil))
    }

    @Test func `a lease is given back when loading fails or the value cannot be stored`() {
        var fill = machine(.miss)
        #expect(fill.acquired(.granted(at: 7), now: now) == .load(at: 7))
        #expect(fill.failed(at: 7) == .drop(failed: true))
        #expect(fill.dropped() == .end(.failed))
        #expect(fill.loaded(at: 7, canBeStored: false) == .drop(failed: false))
        #expect(fill.dropped() == .end(.loaded(isConfirmed: false)))
        #expect(fill.loaded(at: 7, canBeStored: true) == .fill)
        #expect(fill.filled(landed: true, isAlive: true) == .end(.loaded(isConfirmed: true)))
        for (landed, isAlive) in [(true, false), (false, true), (nil, true), (true, nil)] as [(Bool?, Bool?)] {
            #expect(fill.filled(landed: landed, isAlive: isAlive) == .end(.loaded(isConfirmed: false)))
        }
    }

    // MARK: Ages

    @Test func `a value is fresh, early, stale and over, in this order`() {
        let age = EntryAge(written: 1_000_000, freshFor: 100, loadTime: 0)
        func standing(_ now: Int64?, maxStale: Int64? = 50) -> EntryAge.Standing {
            age.standing(at: now, early: .threshold(0.8), maxStale: maxStale) { 0 }
        }
        #expect(standing(1_000_079) == .fresh)
        #expect(standing(1_000_080) == .early)
        #expect(standing(1_000_099) == .early)
        #expect(standing(1_000_100) == .stale)
        #expect(standing(1_000_149) == .stale)
        #expect(standing(1_000_150) == .over)
        #expect(standing(1_000_100, maxStale: nil) == .over)
        // A server whose clock went back; a clock that nobody knows.
        #expect(standing(5) == .fresh)
        #expect(standing(nil) == .stale)
        #expect(standing(nil, maxStale: nil) == .over)
    }

    @Test func `XFetch refreshes with the probability of its paper`() {
        let age = EntryAge(written: 0, freshFor: 10_000_000, loadTime: 400)
        var random = SplitMix(seed: 1)
        func share(left: Int64) -> Double {
            let hits = (0..<20_000).count { _ in
                age.standing(at: 10_000_000 - left, early: .probabilistic(beta: 1), maxStale: nil) {
                    Double.random(in: 0..<1, using: &random)
                } == .early
            }
            return Double(hits) / 20_000
        }
        // exp(−left/βδ): 37 % at δ, 0.7 % at 5 δ.
        #expect(abs(share(left: 400_000) - 0.368) < 0.02)
        #expect(share(left: 2_000_000) < 0.015)
        #expect(share(left: 1_000) > 0.98)
    }

    // MARK: Flights

    @Test func `a flight takes callers until its value is on its way, and none after a change`() {
        var board = FlightBoard()
        let route = FlightBoard.Route(entry: "a", type: ObjectIdentifier(Int.self))
        let first = board.join(route)
        #expect(first.isNew && !first.isLate)
        #expect(board.join(route) == FlightBoard.Seat(flight: first.flight, isNew: false, isLate: false))
        #expect(board.start(route) == nil)
        board.seal(first.flight, route)
        #expect(board.join(route) == FlightBoard.Seat(flight: first.flight, isNew: false, isLate: true))
        board.detach("a")
        let second = board.join(route)
        #expect(second.isNew && second.flight != first.flight)
        // The first one's end and seal do not concern the second.
        board.seal(first.flight, route)
        board.end(first.flight, route)
        #expect(board.join(route) == FlightBoard.Seat(flight: second.flight, isNew: false, isLate: false))
        board.detach(prefix: "b")
        #expect(!board.isEmpty)
        board.detach(prefix: "a")
        #expect(board.isEmpty)
    }

    @Test func `two types under one key are two flights`() {
        var board = FlightBoard()
        let one = board.join(.init(entry: "a", type: ObjectIdentifier(Int.self)))
        let other = board.join(.init(entry: "a", type: ObjectIdentifier(String.self)))
        #expect(one.isNew && other.isNew)
    }
}
