import FoundationEssentials
import Testing

@testable import RedisCore

/// Random subscribers against a model of the server: whatever the order of events, nobody who was told that a name is
/// confirmed may be deaf to it without learning of a gap.
@Suite struct `The subscription registry, at random` {
    @Test(arguments: UInt64(1)...60)
    func `never leaves a confirmed subscriber deaf`(seed: UInt64) {
        var world = World(seed: seed)
        for _ in 0..<400 { world.step() }
        world.settle()
        #expect(world.faults.isEmpty, "seed \(seed): \(world.faults.prefix(3))")
    }
}

/// One registry, one server that works through a queue of commands, and what every subscriber believes.
private struct World {
    typealias Registry = SubscriptionRegistry<Int>

    enum Command {
        case subscribe(SubscribedName)
        case unsubscribe(SubscribedName)
    }

    var faults: [String] = []
    private var random: SplitMix
    private var registry = Registry()
    private let names = (0..<4).map { SubscribedName($0 < 2 ? .channel : .pattern, "n\($0 / 2)") }

    private var isConnected = false
    private var commands: [Command] = []
    private var confirmations: [Command] = []
    private var subscribedOnServer: Set<SubscribedName> = []

    /// What was asked for and not given up, and what was confirmed to the subscriber.
    private var wanted: [Int: Set<SubscribedName>] = [:]
    private var confirmed: [Int: Set<SubscribedName>] = [:]
    /// In order, so that a seed always gives the same run.
    private var pending: [(request: Registry.Request, subscriber: Int, names: Set<SubscribedName>)] = []
    private var lastRequest: UInt64 = 0
    private var losses = 0
    private var openGaps: [Int: Int] = [:]

    init(seed: UInt64) { random = SplitMix(seed: seed) }

    mutating func step() {
        let subscriber = Int.random(in: 0..<4, using: &random)
        let some = Set(names.filter { _ in Bool.random(using: &random) })
        switch Int.random(in: 0..<100, using: &random) {
        case ..<25: subscribe(subscriber, to: some)
        case ..<45: unsubscribe(subscriber, from: some)
        case ..<50: remove(subscriber)
        case ..<55: abandonAny()
        case ..<75: serve()
        case ..<95: confirm()
        case ..<97: lose()
        default: ready()
        }
        check()
    }

    /// Lets everything arrive: then the server must have exactly what is wanted, and nobody may wait or be deaf.
    mutating func settle() {
        ready()
        while !commands.isEmpty || !confirmations.isEmpty {
            serve()
            confirm()
            check()
        }
        let all = wanted.values.reduce(into: Set()) { $0.formUnion($1) }
        if subscribedOnServer != all { faults.append("server has \(subscribedOnServer), wanted are \(all)") }
        if !pending.isEmpty { faults.append("requests wait for ever") }
        if !openGaps.isEmpty { faults.append("gaps that were never reported: \(openGaps)") }
        for (subscriber, names) in wanted where confirmed[subscriber] ?? [] != names {
            faults.append("\(subscriber) wants \(names), has \(confirmed[subscriber] ?? [])")
        }
        if registry.isEmpty != wanted.values.allSatisfy(\.isEmpty) { faults.append("isEmpty is wrong") }
    }

    private mutating func check() {
        for name in names {
            let expected = Set(confirmed.filter { $0.value.contains(name) }.keys)
            let receivers = registry.receivers(of: name)
            if Set(receivers).count != receivers.count { faults.append("delivered twice: \(receivers)") }
            // Between loss and confirmation nothing arrives; who is deaf has an open gap.
            if isConnected, !Set(receivers).isSuperset(of: expected.filter { openGaps[$0] == nil }) {
                faults.append("\(name) reaches \(receivers), confirmed to \(expected)")
            }
            if isConnected, !receivers.isEmpty, !subscribedOnServer.contains(name) {
                faults.append("\(name) is not on the server but has receivers \(receivers)")
            }
            if !receivers.allSatisfy({ wanted[$0]?.contains(name) == true }) {
                faults.append("\(name) reaches \(receivers), who do not want it")
            }
        }
    }
}

extension World {
    private mutating func subscribe(_ subscriber: Int, to some: Set<SubscribedName>) {
        lastRequest += 1
        let actions = registry.subscribe(subscriber, to: some, request: lastRequest)
        pending.append((lastRequest, subscriber, some))
        wanted[subscriber, default: []].formUnion(some)
        perform(actions)
    }

    private mutating func unsubscribe(_ subscriber: Int, from some: Set<SubscribedName>) {
        giveUp(subscriber, some)
        perform(registry.unsubscribe(subscriber, from: some))
    }

    private mutating func remove(_ subscriber: Int) {
        giveUp(subscriber, Set(names))
        openGaps[subscriber] = nil
        perform(registry.remove(subscriber))
        if pending.contains(where: { $0.subscriber == subscriber }) { faults.append("a removed one waits") }
    }

    private mutating func giveUp(_ subscriber: Int, _ some: Set<SubscribedName>) {
        wanted[subscriber]?.subtract(some)
        confirmed[subscriber]?.subtract(some)
        for index in pending.indices where pending[index].subscriber == subscriber {
            pending[index].names.subtract(some)
        }
    }

    private mutating func abandonAny() {
        guard let index = pending.indices.randomElement(using: &random) else { return }
        let (request, subscriber, some) = pending.remove(at: index)
        let others = pending.filter { $0.subscriber == subscriber }.reduce(into: Set()) { $0.formUnion($1.names) }
        wanted[subscriber]?.subtract(some.subtracting(others).subtracting(confirmed[subscriber] ?? []))
        perform(registry.abandon(request))
    }

    private mutating func perform(_ actions: Registry.Actions) {
        for name in actions.subscribe { send(.subscribe(name)) }
        for name in actions.unsubscribe { send(.unsubscribe(name)) }
        for request in actions.confirmed {
            guard let (_, subscriber, some) = take(request) else { continue }
            confirmed[subscriber, default: []].formUnion(some)
        }
        for request in actions.failed { _ = take(request) }
        for (subscriber, loss) in actions.gapsEnded {
            let first = openGaps.removeValue(forKey: subscriber)
            if first.map({ Date(timeIntervalSince1970: Double($0)) }) != loss.since {
                faults.append("\(subscriber) told of a gap since \(loss.since), had \(String(describing: first))")
            }
        }
    }

    private mutating func take(
        _ request: Registry.Request
    ) -> (request: Registry.Request, subscriber: Int, names: Set<SubscribedName>)? {
        guard let index = pending.firstIndex(where: { $0.request == request }) else {
            faults.append("a request ended twice")
            return nil
        }
        return pending.remove(at: index)
    }

    private mutating func send(_ command: Command) {
        if !isConnected { faults.append("sent without a connection") }
        // hiredis 0.14 loses a subscription that is sent before the end of the old one was confirmed.
        if case .subscribe(let name) = command {
            let onItsWay = (commands + confirmations).contains {
                switch $0 {
                case .subscribe(let other), .unsubscribe(let other): other == name
                }
            }
            if onItsWay { faults.append("\(name) sent while another command for it is on its way") }
        }
        commands.append(command)
    }

    private mutating func serve() {
        guard isConnected, !commands.isEmpty else { return }
        let command = commands.removeFirst()
        switch command {
        case .subscribe(let name): subscribedOnServer.insert(name)
        case .unsubscribe(let name): subscribedOnServer.remove(name)
        }
        confirmations.append(command)
    }

    private mutating func confirm() {
        guard isConnected, !confirmations.isEmpty else { return }
        switch confirmations.removeFirst() {
        case .subscribe(let name): perform(registry.serverSubscribed(name))
        case .unsubscribe(let name): perform(registry.serverUnsubscribed(name))
        }
    }

    private mutating func lose() {
        guard isConnected else { return }
        for subscriber in 0..<4 where names.contains(where: { registry.receivers(of: $0).contains(subscriber) }) {
            openGaps[subscriber] = openGaps[subscriber] ?? losses
        }
        registry.connectionLost(.init(since: Date(timeIntervalSince1970: Double(losses)), reason: "test"))
        losses += 1
        isConnected = false
        commands = []
        confirmations = []
        subscribedOnServer = []
    }

    private mutating func ready() {
        guard !isConnected else { return }
        isConnected = true
        perform(registry.connectionReady())
    }
}
