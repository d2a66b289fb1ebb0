import RedisCore
import Testing

@testable import Coordination

/// T3 for the life of a lease: requests that are delayed, executed late, lost before or after their execution, in any
/// order that the seed makes; the server is a model with the promises of the scripts.
///
/// The invariant is the one that everything rests on: while the holder trusts its lease, the server has it.
/// A failing run names its seed, and `--filter 'a trusted lease is held'` runs it again.
@Suite struct LeaseSimulationTests {
    @Test(arguments: 0..<400)
    func `a trusted lease is held, whatever happens to requests and replies`(seed: UInt64) throws {
        var simulation = try LeaseSimulation(seed: seed)
        for step in 0..<300 {
            let event = try simulation.step()
            let isSound = simulation.isSound
            #expect(isSound, "seed \(seed), step \(step): \(event)")
            guard isSound else { return }
        }
    }

    @Test func `most simulations have something to find`() throws {
        var trusted = 0
        for seed in 0..<400 as Range<UInt64> {
            var simulation = try LeaseSimulation(seed: seed)
            for _ in 0..<300 { _ = try simulation.step() }
            if simulation.wasTrusted { trusted += 1 }
        }
        #expect(trusted > 380)
    }
}

/// One lease, one connection that may lose and delay what it carries, and a server.
struct LeaseSimulation: ~Copyable {
    private enum Ask { case acquire, renew, extend, release }

    private struct Request {
        let ask: Ask
        let sentAt: Moment
        let ttl: LeaseTime
        /// What the server answered, once it has executed it; nil before.
        var answer: LeaseStateMachine.Answer?
    }

    private var machine: LeaseStateMachine
    private var random: SplitMix
    private var now = Moment.now
    /// Until when the server has the key for this lease; its clock runs up to 1 % faster than the holder's.
    private var heldUntil: Moment?
    private var inFlight: [Request] = []
    private var lookAt: Moment?
    private var isGranted = false
    private(set) var wasTrusted = false

    init(seed: UInt64) throws {
        random = SplitMix(seed: seed)
        machine = LeaseStateMachine(
            ttl: try LeaseTime(.seconds(3), "ttl", operation: "test"), renews: true, now: now)
        lookAt = machine.acquireSent(now, spread: random.spread())
        inFlight = [Request(ask: .acquire, sentAt: now, ttl: machine.ttl)]
    }

    private var serverHasIt: Bool { heldUntil.map { now < $0 } ?? false }
    var isSound: Bool { !machine.isTrusted(now) || serverHasIt }

    /// One event; says which.
    mutating func step() throws -> String {
        defer { wasTrusted = wasTrusted || machine.isTrusted(now) }
        switch Int.random(in: 0..<12, using: &random) {
        case 0..<4: return pass()
        case 4, 5: return execute()
        case 6, 7: return deliver()
        case 8: return lose()
        case 9: return Int.random(in: 0..<3, using: &random) == 0 ? try extend() : look()
        case 10: return Int.random(in: 0..<40, using: &random) == 0 ? release() : look()
        default: return look()
        }
    }

    private mutating func pass() -> String {
        now += .milliseconds(Int64.random(in: 0...400, using: &random))
        return look()
    }

    /// The renewal loop's timer.
    private mutating func look() -> String {
        guard let at = lookAt, now >= at else { return "nothing is due" }
        switch machine.due(now) {
        case .renew(let ttl, let again):
            lookAt = again
            inFlight.append(Request(ask: .renew, sentAt: now, ttl: ttl))
            return "renewal sent"
        case .wait(let at): lookAt = at
        case .lost, .forget: lookAt = nil
        }
        return "looked"
    }

    /// The server executes a request, not necessarily the oldest: there may be two connections.
    private mutating func execute() -> String {
        guard let index = inFlight.indices.filter({ inFlight[$0].answer == nil }).randomElement(using: &random) else {
            return "nothing to execute"
        }
        let request = inFlight[index]
        let answer: LeaseStateMachine.Answer
        switch request.ask {
        case .acquire:
            answer = .mine
            grant(request.ttl)
        case .renew, .extend:
            answer = serverHasIt ? .mine : .absent
            if serverHasIt { grant(request.ttl) }
        case .release:
            answer = serverHasIt ? .mine : .absent
            heldUntil = nil
        }
        inFlight[index].answer = answer
        return "\(request.ask) executed"
    }

    private mutating func grant(_ ttl: LeaseTime) {
        heldUntil = now + .microseconds(ttl.milliseconds * Int64.random(in: 990...1_000, using: &random))
    }

    private mutating func deliver() -> String {
        guard let index = inFlight.indices.filter({ inFlight[$0].answer != nil }).randomElement(using: &random),
            let answer = inFlight[index].answer
        else { return "nothing to deliver" }
        let request = inFlight.remove(at: index)
        let spread = random.spread()
        switch request.ask {
        case .acquire:
            isGranted = true
            if machine.granted(now) == .giveBack { _ = release() }
        case .renew: note(machine.renewalAnswered(answer, sentAt: request.sentAt, now, spread: spread))
        case .extend:
            note(machine.extendAnswered(answer, request.ttl, sentAt: request.sentAt, now, spread: spread))
        case .release: _ = machine.releaseAnswered(answer, repeated: false)
        }
        return "reply of \(request.ask)"
    }

    /// The connection ends: the holder does not learn whether the server executed the request, but it will not be
    /// executed any more.
    private mutating func lose() -> String {
        guard
            let index = inFlight.indices.filter({ inFlight[$0].ask != .acquire })
                .randomElement(using: &random)
        else { return "nothing to lose" }
        let request = inFlight[index]
        switch request.ask {
        case .renew: note(machine.renewalFailed(now))
        case .extend: note(machine.extendFailed(now))
        case .release: machine.releaseFailed()
        case .acquire: break
        }
        inFlight.remove(at: index)
        return "\(request.ask) lost"
    }

    private mutating func extend() throws -> String {
        guard isGranted else { return "not yet" }
        let ttl = try LeaseTime(
            .milliseconds(Int64.random(in: 500...6_000, using: &random)), "ttl", operation: "test")
        guard case .send(let at) = machine.extendSent(ttl, now) else { return "not held" }
        if let at { lookAt = min(lookAt ?? at, at) }
        inFlight.append(Request(ask: .extend, sentAt: now, ttl: ttl))
        return "extension to \(ttl.milliseconds) ms sent"
    }

    private mutating func release() -> String {
        guard isGranted, case .send = machine.beginRelease(now) else { return "nothing to release" }
        lookAt = nil
        inFlight.append(Request(ask: .release, sentAt: now, ttl: machine.ttl))
        return "release sent"
    }

    private mutating func note(_ action: LeaseStateMachine.RenewalAction) {
        switch action {
        case .next(let at): lookAt = at
        case .lost, .forget: lookAt = nil
        }
    }
}
