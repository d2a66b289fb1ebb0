import FoundationEssentials
import Logging
import Synchronization

/// The one connection that carries all subscriptions of a client.
///
/// Names are reference-counted by ``SubscriptionRegistry``. A heartbeat channel of its own is always subscribed: a
/// nonce published from the control connection must come back within a period (a PING's answer never reaches a
/// subscribed hiredis 0.14 context), and hiredis stays in subscribed mode, in which a push cannot abort it.
final class SubscriberConnection: RedisLinkUser, @unchecked Sendable {
    // Unchecked: `nextID` is atomic and `heartbeatSeen` guarded; all else belongs to the loop's thread.

    private struct Request {
        let storage: SubscriptionStorage
        let names: [SubscriptionRegistry.Name]
        let continuation: UnsafeContinuation<Result<Void, RedisError>, Never>
        let deadline: LoopTimer
    }

    /// The last channel or pattern a message came for, with its listeners: spares the look-up for most messages.
    private struct Route {
        let bytes: [UInt8]
        let name: SubscriptionRegistry.Name
        let targets: [SubscriptionStorage]
    }

    private let loop: EventLoop
    private let configuration: RedisConfiguration
    private let heartbeats: CommandSender
    private let logger: Logger
    private let nextID = Atomic<UInt64>(1)
    /// When the last nonce came back, on the loop's clock; 0 before the first.
    private let heartbeatSeen = Atomic<UInt64>(0)
    private let heartbeatName: SubscriptionRegistry.Name

    private var made: RedisLink?
    private var registry = SubscriptionRegistry()
    private var storages: [UInt64: SubscriptionStorage] = [:]
    private var requests: [UInt64: Request] = [:]
    private var routes: (channel: Route?, pattern: Route?) = (nil, nil)
    private var paused: Set<UInt64> = []
    /// When a heartbeat last came back, or the connection became ready.
    private var lastHeard = Date()
    /// The last moment known to be good before the connection was lost; nil once everybody hears again.
    private var deafSince: Date?
    private var lossReason = ""
    private var heartbeatTimer: LoopTimer?
    private var nonce: UInt64 = 0
    /// When the nonce that has not come back yet was accepted by the server.
    private var publishedAt: UInt64?
    private var isClosed = false

    init(_ configuration: RedisConfiguration, heartbeats: CommandSender, on loop: EventLoop, logger: Logger) {
        self.configuration = configuration
        self.heartbeats = heartbeats
        self.loop = loop
        self.logger = logger
        // Pub/sub ignores database numbers: the name carries what keeps two clients apart.
        let unique = UInt64.random(in: .min ... .max)
        heartbeatName = .init(
            kind: .channel, text: "\(configuration.prefix):heartbeat:\(String(unique, radix: 36))")
        made = nil
        made = RedisLink(configuration, role: "subscriber", on: loop, logger: logger, user: self)
    }

    private var link: RedisLink {
        guard let made else { preconditionFailure("a connection makes its link in its initialiser") }
        return made
    }

    /// How long ago the last nonce came back; nil while nobody subscribes.
    var heartbeatAge: Duration? {
        let seen = heartbeatSeen.load(ordering: .relaxed)
        guard seen > 0 else { return nil }
        let now = LoopTimers.nowMilliseconds()
        return .milliseconds(now > seen ? now - seen : 0)
    }

    // MARK: From any thread

    func makeStorage(_ buffer: SubscriptionBuffer) -> SubscriptionStorage {
        let id = nextID.wrappingAdd(1, ordering: .relaxed).oldValue
        return SubscriptionStorage(id: id, buffer) { [self] in resumeReading(id) }
    }

    /// Adds names to a subscription; returns when the server has confirmed them all.
    func add(_ storage: SubscriptionStorage, _ names: [SubscriptionRegistry.Name]) async throws(RedisError) {
        guard !names.isEmpty, names.allSatisfy({ !$0.text.isEmpty }) else {
            throw RedisError(
                .invalidArgument, operation: "SUBSCRIBE",
                message: "Name at least one channel or pattern, and no empty one.", address: link.address)
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
            fail(request, RedisError(.cancelled, operation: "SUBSCRIBE", message: "The subscribing task was cancelled."))
        }
    }

    func remove(_ id: UInt64, names: [SubscriptionRegistry.Name]?) {
        loop.execute { [self] in
            routes = (nil, nil)
            send(registry.remove(id, names))
            if names == nil {
                storages[id] = nil
                setPaused(id, false)
            }
        }
    }

    func close() async {
        await withUnsafeContinuation { continuation in
            loop.execute { [self] in close { continuation.resume() } }
        }
    }

    /// Ends all subscriptions and the connection. Loop's thread.
    func close(_ completion: @escaping @Sendable () -> Void) {
        isClosed = true
        heartbeatTimer?.cancel()
        for storage in storages.values { storage.finish(discarding: false) }
        storages = [:]
        for request in requests.keys { fail(request, closedError) }
        link.close(drain: .zero) { [self] in withExtendedLifetime(self) { completion() } }
    }

    private var closedError: RedisError {
        RedisError(
            .closed, operation: "SUBSCRIBE", message: "The client of \(link.address) is closed.", address: link.address)
    }

    // MARK: Requests, on the loop

    private func begin(
        _ id: UInt64, _ storage: SubscriptionStorage, _ names: [SubscriptionRegistry.Name],
        _ continuation: UnsafeContinuation<Result<Void, RedisError>, Never>
    ) {
        guard !isClosed else { return continuation.resume(returning: .failure(closedError)) }
        let deadline = loop.schedule(after: configuration.commandTimeout) { [self] in timeOut(id) }
        requests[id] = Request(storage: storage, names: names, continuation: continuation, deadline: deadline)
        storages[storage.id] = storage
        routes = (nil, nil)
        complete(registry.add(storage.id, names, request: id))
        link.open()
    }

    private func timeOut(_ id: UInt64) {
        fail(
            id,
            RedisError(
                .timedOut, operation: "SUBSCRIBE", message: "\(link.address) did not confirm the subscription in time.",
                address: link.address, underlying: link.lastError))
    }

    private func fail(_ id: UInt64, _ error: RedisError) {
        guard let request = requests.removeValue(forKey: id) else { return }
        request.deadline.cancel()
        registry.forget(id)
        routes = (nil, nil)
        send(registry.remove(request.storage.id, request.names))
        request.continuation.resume(returning: .failure(error))
    }

    private func complete(_ completion: SubscriptionRegistry.Completion) {
        send(completion.commands)
        for id in completion.requests {
            guard let request = requests.removeValue(forKey: id) else { continue }
            request.deadline.cancel()
            request.continuation.resume(returning: .success(()))
        }
        for id in completion.recovered {
            deliver(.gap(SubscriptionGap(since: deafSince ?? lastHeard, until: Date(), reason: lossReason)), to: id)
        }
        if !completion.recovered.isEmpty, !registry.hasDeaf { deafSince = nil }
    }

    private func send(_ commands: SubscriptionRegistry.Commands) {
        guard link.isReady else { return }
        send("SUBSCRIBE", commands.subscribe, .channel)
        send("PSUBSCRIBE", commands.subscribe, .pattern)
        send("UNSUBSCRIBE", commands.unsubscribe, .channel)
        send("PUNSUBSCRIBE", commands.unsubscribe, .pattern)
    }

    /// hiredis reads the names out of the command up to its terminating NUL.
    private func send(
        _ command: String, _ names: [SubscriptionRegistry.Name], _ kind: SubscriptionRegistry.Name.Kind
    ) {
        let names = names.lazy.filter { $0.kind == kind }.map(\.text)
        guard !names.isEmpty else { return }
        RedisCommand(command, arguments: Array(names)).encoder.withWireBytes { link.socket?.send($0) }
    }

    // MARK: RedisLinkUser

    var hasRepliesDue: Bool { false }

    func linkIsReady(_ facts: LinkFacts) {
        link.socket?.arena.expectation = .pushes
        send(SubscriptionRegistry.Commands(subscribe: [heartbeatName]))
        send(registry.connected())
        applyPause()
        publishedAt = nil
        lastHeard = Date()
        heartbeatSeen.store(loop.nowMilliseconds, ordering: .relaxed)
        heartbeatTimer = loop.schedule(after: configuration.heartbeat) { [self] in beat() }
    }

    func linkIsLost(_ error: RedisError, wasReady: Bool, isFinal: Bool) {
        heartbeatTimer?.cancel()
        lossReason = "\(error)"
        if wasReady, deafSince == nil { deafSince = lastHeard }
        registry.lost()
        // A refusal (an ACL, a password) would end every further connection too: its askers are told.
        let refusal = error.serverMessage.map {
            RedisError(serverReply: $0, operation: "SUBSCRIBE", address: link.address)
        }
        guard isFinal || error.isRefusal || refusal?.isRefusal == true else { return }
        for request in Array(requests.keys) { fail(request, refusal ?? error) }
    }

    func linkMoved() {}

    func linkReceived(_ reply: borrowing RedisReply) {
        switch PushMessage(reply) {
        case .message: received(reply, \.channel, .channel, payloadAt: 2)
        case .patternMessage: received(reply, \.pattern, .pattern, payloadAt: 3)
        case .subscribed(let name):
            routes = (nil, nil)
            complete(registry.subscribed(name))
        case .unsubscribed(let name):
            routes = (nil, nil)
            send(registry.unsubscribed(name))
        case .unknown: logger.debug("an unknown kind of push was ignored")
        }
    }

    // MARK: Messages

    private func received(
        _ reply: borrowing RedisReply, _ slot: WritableKeyPath<(channel: Route?, pattern: Route?), Route?>,
        _ kind: SubscriptionRegistry.Name.Kind, payloadAt index: Int
    ) {
        guard let nameBytes = reply.bytes(at: 1), let payload = reply.element(index) else { return }
        let route = route(nameBytes, slot, kind)
        if route.name == heartbeatName { return heardHeartbeat(RedisReply(payload, reply.arena).text) }
        guard !route.targets.isEmpty else { return }
        let message = SubscriptionMessage(
            channel: kind == .channel ? route.name.text : reply.bytes(at: 2).map { String(decoding: $0, as: UTF8.self) } ?? "",
            pattern: kind == .pattern ? route.name.text : nil,
            payload: RedisReply(payload, reply.arena).bytes)
        for target in route.targets where target.append(.message(message)) == .full { setPaused(target.id, true) }
    }

    private func route(
        _ bytes: UnsafeRawBufferPointer, _ slot: WritableKeyPath<(channel: Route?, pattern: Route?), Route?>,
        _ kind: SubscriptionRegistry.Name.Kind
    ) -> Route {
        if let known = routes[keyPath: slot], known.bytes.elementsEqual(bytes) { return known }
        let name = SubscriptionRegistry.Name(kind: kind, text: String(decoding: bytes, as: UTF8.self))
        let targets = registry.wantedBy(name).sorted().compactMap { storages[$0] }
        let route = Route(bytes: Array(bytes), name: name, targets: targets)
        routes[keyPath: slot] = route
        return route
    }

    private func deliver(_ event: SubscriptionEvent, to id: UInt64) {
        guard let storage = storages[id] else { return }
        if storage.append(event) == .full { setPaused(id, true) }
    }

    // MARK: Back-pressure

    private func resumeReading(_ id: UInt64) {
        loop.execute { [self] in setPaused(id, false) }
    }

    private func setPaused(_ id: UInt64, _ isPaused: Bool) {
        if isPaused { paused.insert(id) } else { paused.remove(id) }
        applyPause()
    }

    private func applyPause() { link.socket?.isReadingPaused = !paused.isEmpty }

    // MARK: Heartbeat

    private func heardHeartbeat(_ text: String) {
        guard text == "\(nonce)" else { return }
        publishedAt = nil
        heartbeatSeen.store(loop.nowMilliseconds, ordering: .relaxed)
        lastHeard = Date()
    }

    private func beat() {
        guard link.isReady, !isClosed else { return }
        // Reading stopped on purpose: the nonce waits in the kernel like everything else.
        let period = configuration.heartbeat.wholeMilliseconds
        if paused.isEmpty, let publishedAt, loop.nowMilliseconds - publishedAt >= period {
            return link.abandon("a published heartbeat did not come back within \(configuration.heartbeat)")
        }
        if publishedAt == nil { publishNonce() }
        heartbeatTimer = loop.schedule(after: configuration.heartbeat) { [self] in beat() }
    }

    private func publishNonce() {
        nonce &+= 1
        let sent = nonce
        // Only a nonce that the server accepted can be missed: a dead control connection proves nothing about this one.
        let waiter = LoopReply { [self] result in
            guard case .success = result, sent == nonce else { return }
            if heartbeatSeen.load(ordering: .relaxed) < askedAt { publishedAt = loop.nowMilliseconds }
        }
        askedAt = loop.nowMilliseconds
        let command = RedisCommand("PUBLISH", heartbeatName.text, "\(nonce)")
        heartbeats.connection.submit(
            command, LoopReply.Handler.self, token: waiter.token, id: heartbeats.connection.makeID(),
            timeout: configuration.heartbeat.wholeMilliseconds)
    }

    /// When the last nonce was handed to the control connection.
    private var askedAt: UInt64 = 0
}
