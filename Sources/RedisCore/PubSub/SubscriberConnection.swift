import FoundationEssentials
import Logging
import Synchronization

/// The one connection that carries all subscriptions of a client.
///
/// Names are reference-counted by ``SubscriptionRegistry``. A heartbeat channel of its own is always subscribed: a
/// nonce published from the control connection must come back within a period. That proves delivery, which the answer
/// to a PING would not.
final class SubscriberConnection: RedisLink, @unchecked Sendable {
    // Unchecked: `nextID` and `heartbeatSeen` are atomic; all else belongs to the loop's thread.

    private typealias Registry = SubscriptionRegistry<SubscriptionStorage>

    /// Who hears of changed keys; the rest is in `SubscriberConnection+Tracking.swift`.
    var trackers = Trackers()
    /// When the connection at hand was asked to track, ``Moment/nanoseconds``.
    var trackingAskedAt: Int64 = 0
    @exclusivity(unchecked) private var lastChannel: SubscriberRoute?
    @exclusivity(unchecked) private var lastPattern: SubscriberRoute?
    private let heartbeats: CommandSender
    private let onReady: @Sendable (LinkFacts) -> Void
    let nextID = Atomic<UInt64>(1)
    /// When the last nonce came back, on the loop's clock; 0 before the first.
    private let heartbeatSeen = Atomic<UInt64>(0)
    private let heartbeatName: SubscribedName

    private var registry = Registry()
    /// All that have not ended, those without a name too.
    private var storages: Set<SubscriptionStorage> = []
    private var requests = SubscriptionRequests()
    private var paused: Set<UInt64> = []
    /// When a heartbeat last came back, or the connection became ready.
    private var lastHeard = Date()
    private var heartbeatTimer: LoopTimer?
    private var heartbeat = SubscriberHeartbeat()
    private(set) var isEnding = false

    init(
        _ configuration: RedisConfiguration, heartbeats: CommandSender, on loop: EventLoop, logger: Logger,
        onReady: @escaping @Sendable (LinkFacts) -> Void = { _ in }
    ) {
        self.heartbeats = heartbeats
        self.onReady = onReady
        // Pub/sub ignores database numbers: the name carries what keeps two clients apart.
        let unique = UInt64.random(in: .min ... .max)
        heartbeatName = SubscribedName(
            .channel, "\(configuration.prefix):heartbeat:\(String(unique, radix: 36))")
        super.init(configuration, role: "subscriber", on: loop, logger: logger)
    }

    /// How long ago the last nonce came back; nil while nobody subscribes.
    var heartbeatAge: Duration? {
        let seen = heartbeatSeen.load(ordering: .relaxed)
        guard seen > 0 else { return nil }
        let now = LoopTimers.nowMilliseconds()
        return .milliseconds(now > seen ? now - seen : 0)
    }

    // MARK: From any thread

    func makeStorage(
        _ buffer: SubscriptionBuffer, handler: (@Sendable (SubscriptionEvent) -> Void)? = nil
    ) -> SubscriptionStorage {
        let id = nextID.wrappingAdd(1, ordering: .relaxed).oldValue
        return SubscriptionStorage(id: id, buffer, on: loop, handler: handler) { [self] isPaused in
            loop.execute { [self] in setPaused(id, isPaused) }
        }
    }

    /// Adds names to a subscription; returns when the server has confirmed them all.
    func add(_ storage: SubscriptionStorage, _ names: [SubscribedName]) async throws(RedisError) {
        guard !names.isEmpty, names.allSatisfy({ !$0.name.isEmpty }) else {
            throw RedisError(
                .invalidArgument, operation: "SUBSCRIBE",
                message: "Name at least one channel or pattern, and no empty one.", address: address)
        }
        let request = nextID.wrappingAdd(1, ordering: .relaxed).oldValue
        let result: Result<Void, RedisError> = await withTaskCancellationHandler {
            await withUnsafeContinuation { continuation in
                loop.execute { [self] in begin(request, storage, names, continuation) }
                if Task.isCancelled { cancel(request) }
            }
        } onCancel: {
            cancel(request)
        }
        try result.get()
    }

    private func cancel(_ request: UInt64) {
        loop.execute { [self] in
            fail(
                request, RedisError(.cancelled, operation: "SUBSCRIBE", message: "The subscribing task was cancelled."))
        }
    }

    /// Gives up names of a subscription; nil ends it.
    func remove(_ storage: SubscriptionStorage, names: [SubscribedName]?) {
        loop.execute { [self] in
            if let names { return perform(registry.unsubscribe(storage, from: names)) }
            storages.remove(storage)
            setPaused(storage.id, false)
            perform(registry.remove(storage))
        }
    }

    func close() async {
        await withUnsafeContinuation { continuation in
            loop.execute { [self] in close { continuation.resume() } }
        }
    }

    /// Ends all subscriptions and the connection.
    ///
    /// Loop's thread.
    func close(_ completion: @escaping @Sendable () -> Void) {
        isEnding = true
        heartbeatTimer?.cancel()
        for storage in storages { storage.finish(discarding: false) }
        storages = []
        trackers.lost(closedError, whileAsking: false)
        for request in requests.ids { fail(request, closedError) }
        disconnect(drain: .zero) { [self] in withExtendedLifetime(self) { completion() } }
    }

    var closedError: RedisError {
        RedisError(
            .closed, operation: "SUBSCRIBE", message: "The client of \(address) is closed.", address: address)
    }

    // MARK: Requests, on the loop

    private func begin(
        _ id: UInt64, _ storage: SubscriptionStorage, _ names: [SubscribedName],
        _ continuation: UnsafeContinuation<Result<Void, RedisError>, Never>
    ) {
        guard !isEnding else { return continuation.resume(returning: .failure(closedError)) }
        let deadline = loop.schedule(after: configuration.commandTimeout) { [self] in timeOut(id) }
        requests.add(id, continuation, deadline)
        storages.insert(storage)
        perform(registry.subscribe(storage, to: names, request: id))
        connect()
    }

    private func timeOut(_ id: UInt64) {
        fail(
            id,
            RedisError(
                .timedOut, operation: "SUBSCRIBE", message: "\(address) did not confirm the subscription in time.",
                address: address, underlying: lastError))
    }

    private func fail(_ id: UInt64, _ error: RedisError) {
        perform(registry.abandon(id))
        requests.finish(id, .failure(error))
    }

    private func perform(_ actions: Registry.Actions) {
        forgetRoutes()
        if isReady {
            send("SUBSCRIBE", actions.subscribe, .channel)
            send("PSUBSCRIBE", actions.subscribe, .pattern)
            send("UNSUBSCRIBE", actions.unsubscribe, .channel)
            send("PUNSUBSCRIBE", actions.unsubscribe, .pattern)
        }
        for id in actions.confirmed { requests.finish(id, .success(())) }
        for id in actions.failed {
            let error = RedisError(.cancelled, operation: "SUBSCRIBE", message: "The subscription has ended.")
            requests.finish(id, .failure(error))
        }
        for (storage, loss) in actions.gapsEnded {
            let gap = SubscriptionGap(since: loss.since, until: Date(), reason: loss.reason)
            storage.stage(.gap(gap))
        }
    }

    private func send(
        _ command: String, _ names: [SubscribedName], _ kind: SubscribedName.Kind
    ) {
        // As keys, which stand in the command itself whatever their length: other large arguments would be streamed.
        let names = names.lazy.filter { $0.kind == kind }.map { RedisKey($0.name) }
        guard !names.isEmpty else { return }
        // Its confirmations are pushes, one for each name.
        RedisCommand(command, arguments: Array(names)).encoder.bytes.withUnsafeBytes { socket?.sendMore($0) }
    }

    // MARK: RedisLink

    override func makeHandshake() -> Handshake {
        trackingAskedAt = Moment.nanoseconds
        return Handshake(configuration, role: role, tracking: trackers.nextPlan)
    }

    override func linkIsReady(_ facts: LinkFacts) {
        // First: a connection that is given up at once may be the only one to find a new server.
        onReady(facts)
        guard trackingIsSettled(facts.tracking) else { return }
        socket?.takesPushes = true
        send("SUBSCRIBE", [heartbeatName], .channel)
        perform(registry.connectionReady())
        applyPause()
        heartbeat.connectionReady()
        noteHeard()
        heartbeatTimer = loop.schedule(after: configuration.heartbeat) { [self] in beat() }
    }

    override func linkIsLost(_ error: RedisError, wasReady: Bool, isFinal: Bool) {
        heartbeatTimer?.cancel()
        forgetRoutes()
        trackers.lost(error, whileAsking: handshake?.isTracking == true)
        registry.connectionLost(Registry.Loss(since: lastHeard, reason: "\(error)"))
        // A refusal (an ACL, a password) would end every further connection too: its askers are told.
        let refusal = error.serverMessage.map {
            RedisError(serverReply: $0, operation: "SUBSCRIBE", address: address)
        }
        guard isFinal || error.isRefusal || refusal?.isRefusal == true else { return }
        for request in requests.ids { fail(request, refusal ?? error) }
    }

    override func linkReceived(_ reply: borrowing RedisReply) {
        switch PushMessage(reply) {
        case .message: received(reply, .channel)
        case .patternMessage: received(reply, .pattern)
        case .subscribed(let name): perform(registry.serverSubscribed(name))
        case .unsubscribed(let name): perform(registry.serverUnsubscribed(name))
        case .unknown: socket?.refuse("something that is not a pub/sub message")
        }
    }

    // MARK: Messages

    private func received(_ reply: borrowing RedisReply, _ kind: SubscribedName.Kind) {
        guard let name = reply.bytes(at: 1), let payload = reply.element(kind == .channel ? 2 : 3) else { return }
        let route = route(name, kind)
        if route.isHeartbeat { return heardHeartbeat(RedisReply(payload, reply.arena).text) }
        if route.isInvalidation { trackers.received(RedisReply(payload, reply.arena)) }
        guard !route.targets.isEmpty else { return }
        let message =
            switch kind {
            case .channel:
                SubscriptionMessage(channel: route.name, payload: RedisReply(payload, reply.arena).bytes)
            case .pattern:
                SubscriptionMessage(
                    channel: reply.bytes(at: 2).map { String(decoding: $0, as: UTF8.self) } ?? "",
                    pattern: route.name, payload: RedisReply(payload, reply.arena).bytes)
            }
        for target in route.targets { target.stage(.message(message)) }
    }

    private func route(_ bytes: UnsafeRawBufferPointer, _ kind: SubscribedName.Kind) -> SubscriberRoute {
        if let known = kind == .channel ? lastChannel : lastPattern, known.matches(bytes) { return known }
        let name = SubscribedName(kind, String(decoding: bytes, as: UTF8.self))
        let route = SubscriberRoute(
            name: name.name, bytes: Array(bytes), isHeartbeat: name == heartbeatName,
            isInvalidation: kind == .channel && name.name == "\(Handshake.invalidations)",
            targets: registry.receivers(of: name))
        if kind == .channel { lastChannel = route } else { lastPattern = route }
        return route
    }

    private func forgetRoutes() {
        lastChannel = nil
        lastPattern = nil
    }

    // MARK: Back-pressure

    private func setPaused(_ id: UInt64, _ isPaused: Bool) {
        let wasPaused = !paused.isEmpty
        if isPaused { paused.insert(id) } else { paused.remove(id) }
        if wasPaused, paused.isEmpty { heartbeat.resumed(at: loop.nowMilliseconds) }
        applyPause()
    }

    private func applyPause() { socket?.isReadingPaused = !paused.isEmpty }

    // MARK: Heartbeat

    private func noteHeard() {
        heartbeatSeen.store(loop.nowMilliseconds, ordering: .relaxed)
        lastHeard = Date()
    }

    private func heardHeartbeat(_ text: String) {
        let heard = heartbeat.heard(text, wantsProof: trackers.wantsProof)
        if heard != .stale { noteHeard() }
        switch heard {
        case .stale, .delivers: break
        case .publishAgain: publishNonce()
        case .proved(let asOf): trackers.proved(asOf: asOf)
        }
    }

    private func beat() {
        guard isReady, !isEnding else { return }
        let period = configuration.heartbeat.wholeMilliseconds
        switch heartbeat.beat(
            at: loop.nowMilliseconds, period: period, moment: Moment.nanoseconds, isPaused: !paused.isEmpty)
        {
        case .isDeaf: return abandon("a published heartbeat did not come back within \(configuration.heartbeat)")
        case .publish: publishNonce()
        case .wait: break
        }
        heartbeatTimer = loop.schedule(after: configuration.heartbeat) { [self] in beat() }
    }

    private func publishNonce() {
        let nonce = heartbeat.next()
        let waiter = LoopReply { [self] result in
            if case .success = result { heartbeat.accepted(nonce, at: loop.nowMilliseconds) }
        }
        let command = RedisCommand("PUBLISH", heartbeatName.name, "\(nonce)")
        heartbeats.connection.submit(
            command, LoopReply.Handler.self, token: waiter.token, id: heartbeats.connection.makeID(),
            timeout: configuration.heartbeat.wholeMilliseconds)
    }
}
