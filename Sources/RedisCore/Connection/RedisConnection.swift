import Logging
import Synchronization

/// A connection that carries commands for any number of callers, pipelined in the order they came.
///
/// Callers on the loop write straight into hiredis' output; callers elsewhere encode into one shared buffer under a
/// mutex, and the first of them wakes the loop. Commands that cannot be sent yet wait in a queue with their deadlines.
final class RedisConnection: RedisLink, LoopVisitor, @unchecked Sendable {
    // Unchecked: `submissions` is guarded by its mutex, `nextID` is atomic; all else belongs to the loop's thread.

    /// What callers off the loop have left.
    let sendsHeartbeat: Bool
    private let submissions = Mutex(Submissions())
    private let nextID = Atomic<UInt64>(1)

    private var spare = CommandBatch()
    private let scratch = WireScratch()
    let inFlight = ReplyRing()
    var queue = CommandQueue()
    /// A large argument on its way: nothing may be sent between its pieces.
    private var streaming: PayloadStream?
    /// The socket, while commands may go straight into it: ready, with nothing queued before them.
    @exclusivity(unchecked) private var direct: HiredisSocket?
    var deadlineTimer: LoopTimer?
    var sweepTimer: LoopTimer?
    @exclusivity(unchecked) var isSweepArmed = false
    @exclusivity(unchecked) private var isLaneOpen = false
    /// Whether more than one entry was in flight since there last was none: then callers are better sent together.
    @exclusivity(unchecked) private var isShared = false
    @exclusivity(unchecked) var deadlineArmedFor = UInt64.max
    var heartbeatTimer: LoopTimer?
    @exclusivity(unchecked) var lastMoved: UInt64 = 0
    /// The owner wants no more: what was accepted is finished, nothing else is taken.
    var isEnding = false
    private var openWaiters: [(Result<LinkFacts, RedisError>) -> Void] = []
    private let observer: (@Sendable (LinkEvent) -> Void)?

    /// How often waiting callers are looked at; one found twice is parked.
    static let sweepInterval = Duration.milliseconds(20)

    /// hiredis' buffer is fed up to here; writing more would make each short write move it all.
    private static let outputLimit = 1 << 20

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

    private func submitOnLoop(_ source: some CommandSource, _ entry: ReplyEntry) {
        if isLaneOpen { closeLane() }
        if let socket = direct, socket.outputBytes < Self.outputLimit,
            source.withWireBytes(scratch, { socket.send($0, replies: entry.repliesLeft) })
        {
            return expect(admit(entry))
        }
        spare.append(source, entry)
        sendSubmissions()
    }

    /// Sends or queues all of `spare`, and empties it.
    private func sendSubmissions() {
        var batch = CommandBatch()
        swap(&batch, &spare)
        var offset = 0
        var payload = 0
        for unit in batch.units {
            let bytes = offset..<offset + unit.byteCount
            let payloads = payload..<payload + unit.payloadCount
            offset = bytes.upperBound
            payload = payloads.upperBound
            if refuse(unit.entry) { continue }
            let entry = admit(unit.entry)
            if let socket = direct, socket.outputBytes < Self.outputLimit, payloads.isEmpty {
                batch.encoder.bytes.withUnsafeBytes {
                    socket.send(UnsafeRawBufferPointer(rebasing: $0[bytes]), replies: entry.repliesLeft)
                }
                expect(entry)
            } else {
                enqueue(entry, batch, bytes, payloads)
            }
        }
        batch.removeAll()
        swap(&batch, &spare)
        feed()
        if !queue.isEmpty { connect() }
    }

    private func enqueue(_ entry: ReplyEntry, _ batch: CommandBatch, _ bytes: Range<Int>, _ payloads: Range<Int>) {
        let moved = batch.encoder.payloads[payloads].map { payload in
            CommandEncoder.Payload(offset: payload.offset - bytes.lowerBound, content: payload.content)
        }
        queue.append(.init(entry: entry, bytes: Array(batch.encoder.bytes[bytes]), payloads: moved))
        direct = nil
    }

    /// Turns an entry's timeout into a deadline and arms the timer for it.
    private func admit(_ entry: ReplyEntry) -> ReplyEntry {
        var entry = entry
        entry.deadline = loop.nowMilliseconds &+ entry.deadline
        if entry.deadline < deadlineArmedFor { armDeadline(entry.deadline) }
        if !isSweepArmed { armSweep() }
        return entry
    }

    private func expect(_ entry: ReplyEntry) {
        if inFlight.isEmpty { lastMoved = loop.nowMilliseconds } else { isShared = true }
        inFlight.append(entry)
    }

    /// Fails an entry that may not even wait; true when it did.
    private func refuse(_ entry: ReplyEntry) -> Bool {
        if isClosed || isEnding {
            entry.handler.failed(entry.token, closedError)
            return true
        }
        guard !isReady else { return false }
        switch configuration.offline {
        case .wait(let capacity) where queue.count < capacity: return false
        case .wait(let capacity):
            entry.handler.failed(
                entry.token,
                RedisError(
                    .queueFull, operation: "queue",
                    message: "No connection to \(address), and \(capacity) commands wait for one already.",
                    address: address, underlying: lastError))
            return true
        case .fail:
            guard lastError != nil || reportedLoss else { return false }
            entry.handler.failed(
                entry.token,
                RedisError(
                    .notConnected, operation: "queue", message: "There is no connection to \(address).",
                    address: address, underlying: lastError))
            return true
        }
    }

    /// True after the first connection was lost or could not be made; before that, commands wait for it.
    private var reportedLoss = false

    /// Moves what waits into hiredis, as far as its buffer should go.
    private func feed() {
        defer { direct = isReady && !isEnding && queue.isEmpty && streaming == nil ? socket : nil }
        while isReady, let socket = socket, socket.outputBytes < Self.outputLimit {
            if streaming != nil {
                streamPiece(into: socket)
            } else if let next = queue.popFirst() {
                begin(next, on: socket)
            } else {
                return
            }
        }
    }

    private func begin(_ next: CommandQueue.Waiting, on socket: HiredisSocket) {
        let head = next.payloads.first?.offset ?? next.bytes.count
        next.bytes.withUnsafeBytes {
            socket.send(UnsafeRawBufferPointer(rebasing: $0.prefix(head)), replies: next.entry.repliesLeft)
        }
        expect(next.entry)
        if !next.payloads.isEmpty { streaming = PayloadStream(next.bytes, next.payloads) }
    }

    /// Feeds one piece, or ends the stream.
    private func streamPiece(into socket: HiredisSocket) {
        if streaming?.feed({ socket.sendMore($0) }) != true { streaming = nil }
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
