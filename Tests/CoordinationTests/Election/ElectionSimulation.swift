import RedisCore

@testable import Coordination

/// T3: several candidates over a simulated server, with a clock, lost and late messages, and pauses; one seed, one run.
///
/// The candidates are the real ``ElectionStateMachine`` and ``LeaseStateMachine``; the server does what the scripts do.
/// Its clock may run at another speed than the candidates', within the margin that a lease allows for.
struct ElectionSimulation {
    typealias Instant = Moment

    struct Faults {
        /// One request or reply in a hundred so many is lost.
        var lossPercent: UInt64 = 5
        /// One look of a candidate in a hundred so many begins a pause of up to 30 s.
        var pausePercent: UInt64 = 2
        /// Nanoseconds of the server per µs of the candidates, 1,000 when they run alike.
        var serverSpeed: Int64 = 1_000
        var slowest = Duration.seconds(3)
    }

    private enum Event {
        case look(Int)
        case request(Int, Request)
        case reply(Int, Request, Reply)
    }

    private struct Request {
        enum Kind { case campaign, renew, resign }
        let kind: Kind
        let token: Int
        let sentAt: Instant
    }

    private enum Reply {
        case won(Int64)
        case held(Leader)
        case lease(LeaseStateMachine.Answer)
        case lost
    }

    /// A class, because a ``LeaseStateMachine`` cannot be copied into and out of an array.
    private final class Candidate {
        var machine: ElectionStateMachine
        var lease: LeaseStateMachine?
        var token = 0
        var term: Int64 = 0
        var lookAt: Instant?
        var pausedUntil: Instant

        init(_ machine: ElectionStateMachine, _ now: Instant) {
            self.machine = machine
            pausedUntil = now
        }
    }

    private let start = Moment.now
    private let times: ElectionTimes
    private var random: SplitMix
    private var faults: Faults
    private var now: Instant
    private var events: [(at: Instant, order: Int, event: Event)] = []
    private var nextOrder = 0
    private var nextToken = 0
    private var candidates: [Candidate] = []
    private var leader: (token: Int, id: Int, term: Int64, until: Duration)?
    private var lastTerm: Int64 = 0

    private(set) var terms: [Int64] = []
    private(set) var violations: [String] = []
    /// When somebody trusted itself last.
    private(set) var lastLed: Instant

    init(seed: UInt64, candidates count: Int, faults: Faults) throws {
        times = try ElectionTimes(ElectionTiming())
        random = SplitMix(seed: seed)
        self.faults = faults
        now = start
        lastLed = start
        for number in 0..<count {
            candidates.append(Candidate(ElectionStateMachine(retry: times.retry, now: start), start))
            push(.zero, .look(number))
        }
    }

    /// Runs for a time, with the faults given from here on.
    mutating func run(for duration: Duration, _ faults: Faults) {
        self.faults = faults
        if faults.pausePercent == 0 { for candidate in candidates { candidate.pausedUntil = now } }
        let end = now + duration
        while let index = events.indices.min(by: {
            (events[$0].at, events[$0].order) < (events[$1].at, events[$1].order)
        }),
            events[index].at <= end
        {
            let next = events.remove(at: index)
            now = max(now, next.at)
            handle(next.event)
            check()
        }
        now = end
        check()
    }

    // MARK: Invariants

    /// Nobody else trusts itself while one does; and terms only grow.
    private mutating func check() {
        let trusting = candidates.indices.filter { isTrusted($0) }
        if trusting.count > 1 { violations.append("at \(now - start): \(trusting) trust themselves together") }
        if !trusting.isEmpty { lastLed = now }
    }

    private func isTrusted(_ number: Int) -> Bool { candidates[number].lease?.isTrusted(now) ?? false }

    // MARK: Candidates

    private mutating func look(_ number: Int) {
        let candidate = candidates[number]
        if random.next() % 100 < faults.pausePercent {
            candidate.pausedUntil = now + .milliseconds(Int64(random.next() % 30_000))
            return push(candidate.pausedUntil - now, .look(number))
        }
        guard candidate.lookAt.map({ $0 <= now }) ?? true else { return }
        candidate.lookAt = nil
        if candidate.term > 0 { return lookAsLeader(number) }
        // Its question is under way.
        guard candidate.lease == nil else { return }
        switch candidate.machine.next(now) {
        case .campaign:
            nextToken += 1
            candidate.token = nextToken
            candidate.lease = LeaseStateMachine(ttl: times.lease, renews: true, now: now)
            _ = candidate.lease?.acquireSent(now, spread: 1)
            send(number, .campaign)
        case .wait(let until): lookAgain(number, at: until)
        case .lead, .finish: violations.append("\(number) has a term that nobody began")
        }
    }

    /// Renews, or steps down.
    private mutating func lookAsLeader(_ number: Int) {
        let candidate = candidates[number]
        guard let trust = candidate.lease?.trustedUntil else { return }
        if now >= times.stepDown(trustedUntil: trust) { return endTerm(number, resigning: true) }
        switch candidate.lease?.due(now) {
        case .renew(_, let at):
            send(number, .renew)
            lookAgain(number, at: min(at, times.stepDown(trustedUntil: trust)))
        case .wait(let at): lookAgain(number, at: min(at, times.stepDown(trustedUntil: trust)))
        case .lost: endTerm(number, resigning: false)
        case .forget, nil: violations.append("\(number) leads without a lease")
        }
    }

    private mutating func endTerm(_ number: Int, resigning: Bool) {
        let candidate = candidates[number]
        if resigning { send(number, .resign) }
        candidate.lease = nil
        candidate.term = 0
        candidate.machine.termEnded(.lost, now, spread: 1)
        lookAgain(number, at: now)
    }

    private mutating func answered(_ number: Int, _ request: Request, _ reply: Reply) {
        let candidate = candidates[number]
        // The lease it was about is over; what a late grant left behind ends with its time to live.
        guard request.token == candidate.token, candidate.lease != nil else { return }
        switch (request.kind, reply) {
        case (.campaign, .won(let term)):
            guard candidate.lease?.granted(now) == .hold else { return denied(number, .failed, giveBack: true) }
            _ = candidate.machine.answered(.won(term: term), id: "\(number)", now, spread: 1)
            candidate.term = term
            if term <= terms.last ?? 0 { violations.append("term \(term) came after \(terms.last ?? 0)") }
            terms.append(term)
            lookAgain(number, at: now + times.lease.refreshPeriod)
        case (.campaign, .held(let leader)): denied(number, .held(leader), giveBack: false)
        case (.campaign, _): denied(number, .failed, giveBack: true)
        case (.renew, .lease(let answer)):
            switch candidate.lease?.renewalAnswered(answer, sentAt: request.sentAt, now, spread: 1) {
            case .next(let at): lookAgain(number, at: at)
            case .lost: endTerm(number, resigning: false)
            case .forget, nil: break
            }
        case (.renew, _):
            if case .next(let at) = candidate.lease?.renewalFailed(now) { lookAgain(number, at: at) }
        case (.resign, _): break
        }
    }

    private mutating func denied(_ number: Int, _ answer: ElectionStateMachine.Answer, giveBack: Bool) {
        let candidate = candidates[number]
        if giveBack { send(number, .resign) }
        candidate.lease = nil
        _ = candidate.machine.answered(answer, id: "\(number)", now, spread: 1 + 0.2 * (random.spread() - 0.9) / 0.2)
        lookAgain(number, at: now)
    }

    private mutating func lookAgain(_ number: Int, at: Instant) {
        let candidate = candidates[number]
        candidate.lookAt = candidate.lookAt.map { min($0, at) } ?? at
        push(at - now, .look(number))
    }

    // MARK: Network

    private mutating func send(_ number: Int, _ kind: Request.Kind) {
        let request = Request(kind: kind, token: candidates[number].token, sentAt: now)
        if isLost {
            // The client gives up on it after a while.
            push(.seconds(2), .reply(number, request, .lost))
        } else {
            push(delay, .request(number, request))
        }
    }

    private var isLost: Bool {
        mutating get { random.next() % 100 < faults.lossPercent }
    }

    private var delay: Duration {
        mutating get {
            let isSlow = random.next() % 20 == 0
            let most = isSlow ? faults.slowest : .milliseconds(5)
            return most * (Double(random.next() % 1_000) / 1_000)
        }
    }

    private mutating func push(_ delay: Duration, _ event: Event) {
        nextOrder += 1
        events.append((now + max(delay, .zero), nextOrder, event))
    }

    private mutating func handle(_ event: Event) {
        switch event {
        case .look(let number) where candidates[number].pausedUntil > now:
            push(candidates[number].pausedUntil - now, event)
        case .reply(let number, _, _) where candidates[number].pausedUntil > now:
            push(candidates[number].pausedUntil - now, event)
        case .look(let number): look(number)
        case .reply(let number, let request, let reply): answered(number, request, reply)
        case .request(let number, let request):
            let reply = serve(number, request)
            if isLost {
                push(.seconds(2), .reply(number, request, .lost))
            } else {
                push(delay, .reply(number, request, reply))
            }
        }
    }

    // MARK: The server

    private var serverTime: Duration {
        let (seconds, attoseconds) = (now - start).components
        let microseconds = seconds * 1_000_000 + attoseconds / 1_000_000_000_000
        return .nanoseconds(microseconds * faults.serverSpeed)
    }

    private mutating func serve(_ number: Int, _ request: Request) -> Reply {
        if let held = leader, serverTime >= held.until { leader = nil }
        let until = serverTime + times.lease.duration
        switch request.kind {
        case .campaign:
            if let held = leader, held.token == request.token {
                leader?.until = until
                return .won(held.term)
            }
            if let held = leader {
                return .held(Leader(id: "\(held.id)", term: held.term, leaseLeft: held.until - serverTime))
            }
            lastTerm += 1
            leader = (request.token, number, lastTerm, until)
            return .won(lastTerm)
        case .renew:
            guard let held = leader else { return .lease(.absent) }
            guard held.token == request.token else { return .lease(.other) }
            leader?.until = until
            return .lease(.mine)
        case .resign:
            if leader?.token == request.token { leader = nil }
            return .lease(.mine)
        }
    }
}
