import Logging

/// One connection that keeps itself up: resolves, connects, introduces itself, backs off and tries again.
///
/// The state machine decides, this class acts; what the connection carries is its subclass' business.
///
/// A base class and not a child object with a way back: the way back would cost two atomic operations per reply.
class RedisLink: @unchecked Sendable {
    // Unchecked: everything but the constants is touched by the loop's thread only.

    let loop: EventLoop
    let address: String
    let configuration: RedisConfiguration
    let logger: Logger
    @exclusivity(unchecked) private(set) final var socket: HiredisSocket?
    /// The error of the last failed attempt, for callers whose deadline passes while there is no connection.
    private(set) final var lastError: RedisError?

    let role: String
    @exclusivity(unchecked) private final var machine: ConnectionStateMachine
    private final var timer: LoopTimer?
    /// That of the connection at hand.
    private(set) final var handshake: Handshake?
    private final var handshakeReplies: [Result<RedisValue, RedisError>] = []
    private final var reconnects = -1
    private final var closeWaiters: [@Sendable () -> Void] = []
    private final var abandoned: RedisError?
    private final var isRenewing = false
    private final var isFollowing = false
    /// The connection at hand, or the next one, takes the place of one that was given up to follow another.
    private final var hasFollowed = false
    /// The server of the last connection that was ready, this one or the one before it.
    private final var lastRunID: String?
    private final var random = SystemRandomNumberGenerator()

    init(
        _ configuration: RedisConfiguration, role: String, reconnects: Bool = true, on loop: EventLoop, logger: Logger
    ) {
        self.configuration = configuration
        self.role = role
        self.loop = loop
        self.logger = logger
        address = configuration.endpoint.description
        machine = ConnectionStateMachine(reconnects: reconnects)
    }

    // MARK: What a subclass does

    /// How a new connection introduces itself.
    func makeHandshake() -> Handshake { Handshake(configuration, role: role) }
    /// The connection can carry commands.
    func linkIsReady(_ facts: LinkFacts) {}
    /// A reply to something the subclass sent.
    func linkReceived(_ reply: borrowing RedisReply) {}
    /// The connection, or an attempt to make it, failed.
    ///
    /// `isFinal`: none will be tried again.
    func linkIsLost(_ error: RedisError, wasReady: Bool, isFinal: Bool) {}
    /// The peer gave a sign of life: bytes came, or it took some that had been waiting.
    func linkHeard() {}
    /// Output was handed to the kernel; there may be room for more.
    func linkWrote() {}
    /// Whether a drain still waits for something.
    var hasRepliesDue: Bool { false }

    // MARK: What a subclass may ask

    final var isReady: Bool { machine.state == .ready || machine.state == .draining }
    final var isClosed: Bool { machine.isClosed }

    /// Connects, unless that has begun already.
    final func connect() { perform(machine.open()) }

    /// Ends the link; waits for replies due, at most `drain`.
    ///
    /// `completion` runs on the loop when all is closed.
    final func disconnect(drain: Duration, _ completion: @escaping @Sendable () -> Void) {
        guard !machine.isClosed else { return completion() }
        closeWaiters.append(completion)
        perform(machine.close(hasRepliesDue: hasRepliesDue))
        if machine.state == .draining {
            startTimer(drain) { $0.perform($0.machine.drained()) }
        }
    }

    /// No replies are due any more.
    final func drained() {
        if machine.state == .draining { perform(machine.drained()) }
    }

    /// The connection is useless in a way the socket does not show: a silent peer.
    final func abandon(_ reason: String) {
        abandoned = uselessError(reason)
        socket?.close()
    }

    /// The connection is good, and another one is needed.
    final func renew(_ purpose: String) {
        isRenewing = true
        abandoned = renewalError(purpose)
        socket?.close()
    }

    /// Another connection found another server at this address: one that is still with the old server is made anew.
    final func follow(_ runID: String) {
        guard machine.state == .ready, isElsewhere(runID) else { return }
        isFollowing = true
        renew("because another server answers there now")
    }

    /// Whether the connection at hand is known to lead to another server.
    final func isElsewhere(_ runID: String) -> Bool {
        handshake?.serverInfo?.runID.map { $0 != runID } ?? false
    }

    // MARK: Acting

    private final func perform(_ action: ConnectionStateMachine.Action) {
        switch action {
        case .none, .drain: break
        case .resolve: resolve()
        case .open(let address): openSocket(address)
        case .handshake: startHandshake()
        case .announceReady: announceReady()
        case .backOff(let attempt): backOff(attempt)
        case .close: finish()
        }
    }

    private final func resolve() {
        startTimer(configuration.connectTimeout) { $0.connectTimedOut() }
        switch configuration.endpoint {
        case .unix(let path): perform(machine.resolved([path]))
        case .tcp(let host, _):
            NameResolver.resolve(host, on: loop) { [self] result in resolved(host, result) }
        }
    }

    private final func resolved(_ host: String, _ result: Result<[String], NameResolver.ResolveFailure>) {
        guard case .resolving = machine.state else { return }
        switch result {
        case .success(let addresses) where !addresses.isEmpty: perform(machine.resolved(addresses))
        case .success: attemptFailed("the name \(host) has no address")
        case .failure(let failure): attemptFailed("the name \(host) cannot be resolved: \(failure.text)")
        }
    }

    private final func openSocket(_ name: String) {
        let target: ConnectionTarget =
            switch configuration.endpoint {
            case .tcp(_, let port): .tcp(address: name, port: port)
            case .unix(let path): .unix(path: path)
            }
        handshake = nil
        let socket = HiredisSocket(on: loop, link: self)
        self.socket = socket
        do {
            try socket.open(target)
        } catch {
            self.socket = nil
            attemptFailed(error.text)
        }
    }

    private final func startHandshake() {
        let handshake = makeHandshake()
        self.handshake = handshake
        send(handshake)
    }

    private final func send(_ handshake: Handshake) {
        handshakeReplies = []
        for command in handshake.commands {
            command.encoder.bytes.withUnsafeBytes { socket?.send($0, replies: 1) }
        }
    }

    private final func receivedHandshakeReply(_ reply: borrowing RedisReply) {
        handshakeReplies.append(
            reply.kind == .error
                ? .failure(RedisError(serverReply: reply.text, operation: "handshake", address: address))
                : .success(RedisValue(reply)))
        guard var handshake, handshakeReplies.count == handshake.commands.count else { return }
        do {
            try handshake.received(handshakeReplies)
            self.handshake = handshake
            if handshake.commands.isEmpty { perform(machine.handshakeSucceeded()) } else { send(handshake) }
        } catch {
            abandoned = error
            socket?.close()
        }
    }

    private final func announceReady() {
        timer?.cancel()
        reconnects += 1
        lastError = nil
        logger.debug("connected", metadata: ["redis.address": "\(address)", "redis.role": "\(role)"])
        let facts = LinkFacts(
            info: handshake?.serverInfo, reconnects: reconnects, previousRunID: lastRunID, hasFollowed: hasFollowed,
            tracking: handshake?.tracking ?? .none)
        lastRunID = facts.info?.runID ?? lastRunID
        linkIsReady(facts)
    }

    private final func backOff(_ attempt: Int) {
        let pause = configuration.reconnect.delay(afterFailures: attempt, using: &random)
        startTimer(pause) { $0.perform($0.machine.backOffElapsed()) }
    }

    private final func finish() {
        timer?.cancel()
        timer = nil
        socket?.close()
        let waiters = closeWaiters
        closeWaiters = []
        for waiter in waiters { waiter() }
    }

    private final func startTimer(_ delay: Duration, _ body: @escaping @Sendable (RedisLink) -> Void) {
        timer?.cancel()
        // Held strongly, until it fires or `finish` cancels it: a weak reference would make every retain a slow one.
        timer = loop.schedule(after: delay) { [self] in body(self) }
    }

    // MARK: Failures

    private final func connectTimedOut() {
        let error = slowError
        // The machine first: the socket's end must not look like a loss that tries the next address.
        let action = machine.connectTimedOut()
        socket?.close()
        report(error, wasReady: false)
        perform(action)
    }

    private final func attemptFailed(_ reason: String) {
        let error = unreachableError(reason)
        let action = machine.lost()
        if case .open = action {} else { report(error, wasReady: false) }
        perform(action)
    }

    private final func report(_ error: RedisError, wasReady: Bool) {
        // An outage is told once, and again when its reason changes, not at every attempt.
        let isKnown = lastError?.message == error.message
        lastError = error
        let isWorse = wasReady && !isRenewing
        // An attempt that fails in between changes nothing.
        if wasReady { hasFollowed = isFollowing }
        isRenewing = false
        isFollowing = false
        logger.log(
            level: isWorse ? .warning : isKnown ? .debug : .info,
            "\(wasReady ? "connection lost" : "cannot connect")",
            metadata: ["redis.address": "\(address)", "redis.role": "\(role)", "error": "\(error)"])
        linkIsLost(error, wasReady: wasReady, isFinal: machine.isClosed)
    }

    // MARK: Events from the socket

    /// The kernel has connected the socket.
    final func socketConnected() { perform(machine.connected()) }

    /// One reply or push, valid during the call.
    @inline(__always)
    final func socketReceived(_ reply: borrowing RedisReply) {
        if isReady { return linkReceived(reply) }
        receivedHandshakeReply(reply)
    }

    /// The socket is gone; no further call comes from it.
    final func socketEnded(_ failure: HiredisSocket.Failure) {
        socket = nil
        switch machine.state {
        case .closed, .backingOff, .idle, .resolving: return
        case .opening: return attemptFailed(failure.text)
        case .handshaking:
            let error = abandoned ?? lossError(failure, .connectFailed, "handshake")
            abandoned = nil
            let action = machine.lost()
            report(error, wasReady: false)
            perform(action)
        case .ready, .draining:
            let error = abandoned ?? lossError(failure, .connectionLost, "connection")
            abandoned = nil
            let action = machine.lost()
            report(error, wasReady: true)
            perform(action)
        }
    }
}
