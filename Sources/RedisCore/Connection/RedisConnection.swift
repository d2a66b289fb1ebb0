import Logging
import Synchronization

/// A connection that carries commands for any number of callers, pipelined in the order they came.
///
/// Callers on the loop write straight into hiredis' output; callers elsewhere encode into one shared buffer under a
/// mutex, and the first of them wakes the loop. Commands that cannot be sent yet wait in a queue with their deadlines.
final class RedisConnection: RedisLink, LoopVisitor, @unchecked Sendable {
    // Unchecked: `submissions` is guarded by its mutex, `nextID` is atomic; all else belongs to the loop's thread.

    let sendsHeartbeat: Bool
    /// What callers off the loop have left.
    private let submissions = Mutex(Submissions())
    private let nextID = Atomic<UInt64>(1)

    var spare = CommandBatch()
    let scratch = WireScratch()
    let inFlight = ReplyRing()
    var queue = CommandQueue()
    /// A large argument on its way: nothing may be sent between its pieces.
    var streaming: PayloadStream?
    /// The socket, while commands may go straight into it: ready, with nothing queued before them.
    @exclusivity(unchecked) var direct: HiredisSocket?
    var deadlineTimer: LoopTimer?
    var sweepTimer: LoopTimer?
    @exclusivity(unchecked) var isSweepArmed = false
    @exclusivity(unchecked) var isLaneOpen = false
    /// Whether more than one entry was in flight since there last was none: then callers are better sent together.
    @exclusivity(unchecked) var isShared = false
    @exclusivity(unchecked) var deadlineArmedFor = UInt64.max
    var heartbeatTimer: LoopTimer?
    @exclusivity(unchecked) var lastMoved: UInt64 = 0
    /// The owner wants no more: what was accepted is finished, nothing else is taken.
    var isEnding = false
    /// True after the first connection was lost or could not be made; before that, commands wait for it.
    var reportedLoss = false
    private var openWaiters: [(Result<LinkFacts, RedisError>) -> Void] = []
    private let observer: (@Sendable (LinkEvent) -> Void)?

    /// How often waiting callers are looked at; one found twice is parked.
    static let sweepInterval = Duration.milliseconds(20)

    /// hiredis' buffer is fed up to here; writing more would make each short write move it all.
    static let outputLimit = 1 << 20

    init(
        _ configuration: RedisConfiguration, role: String, reconnects: Bool = true, sendsHeartbeat: Bool = true,
        on loop: EventLoop, logger: Logger, observer: (@Sendable (LinkEvent) -> Void)? = nil
    ) {
        self.sendsHeartbeat = sendsHeartbeat
        self.observer = observer
        super.init(configuration, role: role, reconnects: reconnects, on: loop, logger: logger)
    }

    func makeID() -> UInt64 { nextID.wrappingAdd(1, ordering: .relaxed).oldValue }

    // MARK: Submitting, from any thread

    /// Sends `source`, or queues it; exactly one call of the entry's handler will use up its token.
    ///
    /// `id` names the entry towards `cancel`; 0 when only a parked reply can be cancelled.
    func submit(
        _ source: some CommandSource, _ handler: any ReplyHandler.Type, token: UInt, id: UInt64 = 0, timeout: UInt64
    ) {
        let entry = ReplyEntry(
            id: id, handler: handler, token: token, deadline: timeout, repliesLeft: Int32(source.replyCount))
        if loop.isCurrent { return submitOnLoop(source, entry) }
        // Encoded before the lock is taken, wherever that is possible: all callers of the connection share it.
        let mustAnnounce = ShortMemory.lend { memory in
            source.withShortBytes(memory) { bytes in
                let bytes = LentBytes(bytes)
                return submissions.withLock { $0.take(bytes, entry) }
            }
        }
        if mustAnnounce ?? submissions.withLock({ $0.take(source, entry) }) { loop.visit(self) }
    }

    /// The caller of `id` has gone: its command is not sent if that is still possible, its reply dropped otherwise.
    func cancel(_ id: UInt64) {
        if submissions.withLock({ $0.cancel(id) }) { loop.visit(self) }
    }

    /// Connects if needed and tells of the first outcome.
    ///
    /// Loop's thread.
    func open(_ completion: @escaping (Result<LinkFacts, RedisError>) -> Void) {
        if isClosed || isEnding { return completion(.failure(closedError)) }
        if isReady { return completion(.success(LinkFacts(info: nil, reconnects: 0))) }
        openWaiters.append(completion)
        connect()
    }

    /// Waits for replies due, at most `drain`, then closes; later commands fail.
    ///
    /// Loop's thread.
    func close(drain: Duration, _ completion: @escaping @Sendable () -> Void) {
        isEnding = true
        direct = nil
        closeLane()
        stopTimers()
        disconnect(drain: drain) { [self] in
            failEverything(closedError)
            completion()
        }
    }

    // MARK: On the loop

    /// Connected, with nothing due and nothing waiting.
    var isUsable: Bool { isReady && !hasRepliesDue }

    func visit() {
        closeLane()
        var cancelled: [UInt64] = []
        submissions.withLock { submissions in
            swap(&submissions.batch, &spare)
            swap(&submissions.cancelled, &cancelled)
            submissions.isAnnounced = false
        }
        if !spare.isEmpty { sendSubmissions() }
        for id in cancelled { cancelOnLoop(id) }
    }

    // MARK: The direct lane

    /// Lets callers write themselves while nothing is due and nothing waits.
    private func openLaneIfIdle() {
        guard inFlight.isEmpty, isSweepArmed, !isLaneOpen, let socket = direct, let descriptor = socket.idleDescriptor
        else { return }
        isLaneOpen = submissions.withLock { submissions in
            guard submissions.batch.isEmpty, !submissions.isAnnounced else { return false }
            submissions.lane.open(descriptor)
            return true
        }
    }

    /// From here on the loop alone writes; takes over what a caller has written meanwhile.
    func closeLane() {
        guard isLaneOpen else { return }
        isLaneOpen = false
        guard let written = submissions.withLock({ $0.lane.close() }) else { return }
        socket?.noteWritten(replies: written.entry.repliesLeft)
        expect(admit(written.entry))
        if !written.rest.isEmpty { written.rest.withUnsafeBytes { socket?.sendMore($0) } }
    }

    // MARK: RedisLink

    override var hasRepliesDue: Bool { !inFlight.isEmpty || !queue.isEmpty }

    override func linkIsReady(_ facts: LinkFacts) {
        observer?(.ready(facts))
        finishOpening(.success(facts))
        feed()
        startHeartbeat()
    }

    override func linkReceived(_ reply: borrowing RedisReply) {
        guard !inFlight.isEmpty else { return }
        inFlight[0].pointee.repliesLeft -= 1
        let entry = inFlight[0].pointee
        let isLast = entry.repliesLeft == 0
        if isLast {
            inFlight.removeFirst()
            // Before the caller goes on: it may want to write at once.
            if inFlight.isEmpty {
                if !isShared { openLaneIfIdle() }
                isShared = false
            }
        }
        entry.handler.received(entry.token, reply, ReplyContext(address: address), isLast: isLast)
        if isLast, inFlight.isEmpty, queue.isEmpty { drained() }
    }

    override func linkIsLost(_ error: RedisError, wasReady: Bool, isFinal: Bool) {
        reportedLoss = true
        heartbeatTimer?.cancel()
        closeLane()
        direct = nil
        streaming = nil
        for entry in inFlight.removeAll() {
            entry.handler.failed(entry.token, error.written(deadline: entry.deadline))
        }
        observer?(.lost(error, wasReady: wasReady))
        finishOpening(.failure(error))
        // A refused password is not a matter of patience, and some clients are told not to have any.
        if isFinal || error.isRefusal || configuration.offline == .fail { failQueue(error) }
    }

    override func linkHeard() {
        if isLaneOpen { closeLane() }
        lastMoved = loop.nowMilliseconds
    }

    override func linkWrote() {
        if !queue.isEmpty || streaming != nil { feed() }
    }

    private func finishOpening(_ result: Result<LinkFacts, RedisError>) {
        let waiters = openWaiters
        openWaiters = []
        for waiter in waiters { waiter(result) }
    }

    private func failQueue(_ error: RedisError) {
        for entry in queue.removeAll() { entry.handler.failed(entry.token, error) }
    }

    private func failEverything(_ error: RedisError) {
        stopTimers()
        visit()
        finishOpening(.failure(error))
        failQueue(error)
        for entry in inFlight.removeAll() { entry.handler.failed(entry.token, error.written()) }
    }

    private func stopTimers() {
        heartbeatTimer?.cancel()
        deadlineTimer?.cancel()
        sweepTimer?.cancel()
        isSweepArmed = false
        deadlineArmedFor = .max
    }
}

/// What a connection reports to its client.
enum LinkEvent: Sendable {
    case ready(LinkFacts)
    case lost(RedisError, wasReady: Bool)
}
