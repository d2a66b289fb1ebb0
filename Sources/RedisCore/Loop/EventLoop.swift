import CLibuv
import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// One libuv loop on one thread: the executor of everything that touches a socket.
///
/// It is a serial executor (pin an actor to it) and a task executor (`withTaskExecutorPreference(loop)`), for code that
/// cannot afford the hop to Swift's pool. Long computations on it delay every connection: leave those to the pool.
///
/// Cross-thread work goes through one mutex-guarded inbox and costs one wake-up per sleep of the loop, however many
/// callers there are; work submitted on the loop itself takes neither lock nor wake-up.
public final class EventLoop: SerialExecutor, TaskExecutor, @unchecked Sendable {
    // Unchecked: `inbox` and `ended` are guarded by their mutexes, `thread` is written before the loop is shared, the
    // flags are atomic; all else is touched by the loop's thread only.

    /// The loop that clients share unless they are given another; it lives as long as the process.
    public static let shared = EventLoop(name: "signalbox", isShared: true)

    /// Shown as the thread's name.
    public let name: String

    let uv: UnsafeMutablePointer<uv_loop_t>
    let timers: LoopTimers
    private let wakeUp: UnsafeMutablePointer<uv_async_t>
    private let beforePoll: UnsafeMutablePointer<uv_prepare_t>
    private let spin: UnsafeMutablePointer<uv_idle_t>
    private let inbox = Mutex(LoopInbox())
    private let isShared: Bool
    /// Written once by `start`, before any other thread can hold the loop.
    private var thread = pthread_self()
    /// Signalled by the loop's thread as its last act.
    private let ended = Mutex((isEnded: false, waiters: [UnsafeContinuation<Void, Never>]()))

    private let ready = JobQueue()
    private var spareWork: [LoopInbox.Work] = []
    private var dirty: [any LoopFlushable] = []
    private var flushing: [any LoopFlushable] = []
    private var mayBeAsleep = false
    private var isSpinning = false
    private var isStopping = false

    /// Jobs per turn after which sockets are looked at again, so that tasks that feed each other cannot starve them.
    private static let jobsPerTurn = 16_384

    /// Starts a loop on a thread of its own.
    public convenience init(name: String) { self.init(name: name, isShared: false) }

    private init(name: String, isShared: Bool) {
        self.name = name
        self.isShared = isShared
        uv = .allocate(capacity: 1)
        wakeUp = .allocate(capacity: 1)
        beforePoll = .allocate(capacity: 1)
        spin = .allocate(capacity: 1)
        mustSucceed(uv_loop_init(uv), "uv_loop_init")
        timers = LoopTimers(uv)
        let context = Unmanaged.passUnretained(self).toOpaque()
        wakeUp.pointee.data = context
        beforePoll.pointee.data = context
        // The callback only ends the poll: the inbox is read before the next one, in `turn`.
        mustSucceed(uv_async_init(uv, wakeUp) { _ in }, "uv_async_init")
        uv_prepare_init(uv, beforePoll)
        uv_prepare_start(beforePoll) { handle in
            guard let context = handle?.pointee.data else { return }
            Unmanaged<EventLoop>.fromOpaque(context).takeUnretainedValue().turn()
        }
        uv_idle_init(uv, spin)
        timers.start()
        start()
    }

    deinit {
        for handle in [UnsafeMutableRawPointer(uv), .init(wakeUp), .init(beforePoll), .init(spin)] {
            handle.deallocate()
        }
    }

    // MARK: Executor

    /// Queues a job; from the loop's own thread without lock or wake-up.
    public func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        if isCurrent { ready.append(job) } else { submit(.job(job)) }
    }

    /// True when the caller runs on this loop's thread.
    public var isCurrent: Bool {
        // The id of an ended thread may be given to another.
        pthread_equal(thread, pthread_self()) != 0 && !hasEnded.load(ordering: .relaxed)
    }

    /// Traps when the caller is not on the loop's thread; the runtime asks this for actors pinned to the loop.
    public func checkIsolated() {
        precondition(isCurrent || isHeirCurrent, "this code must run on the event loop \(name)")
    }

    /// Runs a closure on the loop as soon as possible; at once when already there.
    public func execute(_ body: @escaping @Sendable () -> Void) {
        if isCurrent { body() } else { submit(.closure(body)) }
    }

    /// Runs a closure on the loop as soon as possible, but never within the caller.
    func executeLater(_ body: @escaping @Sendable () -> Void) { submit(.closure(body)) }

    /// Runs a closure on the loop and returns what it returns.
    public func run<T: Sendable>(_ body: @escaping @Sendable () -> T) async -> T {
        await withUnsafeContinuation { continuation in
            execute { continuation.resume(returning: body()) }
        }
    }

    /// Has `visitor` visited before the loop polls again.
    ///
    /// Safe from any thread.
    func visit(_ visitor: any LoopVisitor) { submit(.visit(visitor)) }

    /// Has `connection` flushed before the loop polls again.
    ///
    /// Loop's thread only; the caller asks once per turn.
    func flushBeforePoll(_ connection: any LoopFlushable) { dirty.append(connection) }

    /// A socket woke the loop: spare other threads the wake-up until the loop sleeps again.
    ///
    /// Loop's thread only.
    func noteAwake() {
        timers.wasSocketReady = true
        guard mayBeAsleep else { return }
        mayBeAsleep = false
        inbox.withLock { $0.noteAwake() }
    }

    private func submit(_ work: LoopInbox.Work) {
        let (mustWake, isClosed) = inbox.withLock { inbox in
            inbox.isClosed ? (false, true) : (inbox.append(work), false)
        }
        if mustWake { uv_async_send(wakeUp) }
        // A job must run somewhere, and those of one actor never at the same time: the shared loop inherits them.
        if isClosed { Self.shared.submit(work) }
    }

    /// True on the shared loop's thread once that does this loop's work.
    private var isHeirCurrent: Bool { hasEnded.load(ordering: .acquiring) && Self.shared.isCurrent }

    // MARK: The turn

    /// What happens between two polls: other threads' work, ready jobs, one flush per touched connection, until quiet.
    private func turn() {
        var budget = Self.jobsPerTurn
        repeat {
            takeInbox()
            budget -= runReadyJobs()
            flushDirty()
        } while (!ready.isEmpty || !dirty.isEmpty || !mayBeAsleep) && budget > 0
        setSpinning(!ready.isEmpty || !dirty.isEmpty || !mayBeAsleep)
        if isStopping && ready.isEmpty { uv_stop(uv) }
    }

    private func takeInbox() {
        inbox.withLock { $0.take(into: &spareWork) }
        mayBeAsleep = spareWork.isEmpty
        guard !spareWork.isEmpty else { return }
        // Deadlines of what was handed over count from now, also after a turn that took its time.
        uv_update_time(uv)
        for work in spareWork {
            switch work {
            case .job(let job): ready.append(job)
            case .visit(let visitor): visitor.visit()
            case .closure(let body): body()
            }
        }
        spareWork.removeAll(keepingCapacity: true)
    }

    private func runReadyJobs() -> Int {
        var count = 0
        let executor = asUnownedTaskExecutor()
        while count < Self.jobsPerTurn, let job = ready.popFirst() {
            job.runSynchronously(on: executor)
            count += 1
        }
        return count
    }

    private func flushDirty() {
        guard !dirty.isEmpty else { return }
        swap(&dirty, &flushing)
        for connection in flushing { connection.flush() }
        flushing.removeAll(keepingCapacity: true)
    }

    /// With jobs left over, an active idle handle makes the poll return at once.
    private func setSpinning(_ wanted: Bool) {
        guard wanted != isSpinning else { return }
        isSpinning = wanted
        if wanted { uv_idle_start(spin) { _ in } } else { uv_idle_stop(spin) }
    }

    // MARK: Thread

    private func start() {
        // The thread holds the loop until `stop`; it may outlive the last reference outside.
        let context = Unmanaged.passRetained(self).toOpaque()
        var created = thread
        mustSucceed(uv_thread_create(&created, eventLoopThread, context), "uv_thread_create")
        thread = created
        hasThread.store(true, ordering: .releasing)
    }

    private let hasThread = Atomic(false)
    private let hasEnded = Atomic(false)

    fileprivate func threadBody() {
        // The thread may run before its creator has noted its id.
        while !hasThread.load(ordering: .acquiring) { sched_yield() }
        nameThread(name)
        blockBrokenPipeSignal()
        // Nobody joins the thread: its stack is given back when it ends.
        pthread_detach(pthread_self())
        uv_run(uv, UV_RUN_DEFAULT)
        // Sleepers are woken first, so that what they do then is still done here.
        timers.close()
        repeat {
            takeInbox()
            _ = runReadyJobs()
        } while !closeInbox()
        closeHandles()
        let waiters = ended.withLock { ended in
            ended.isEnded = true
            return ended.waiters
        }
        for waiter in waiters { waiter.resume() }
    }

    /// Closes the inbox when nothing is left to do; from then on no work of the loop runs on its thread.
    private func closeInbox() -> Bool {
        guard ready.isEmpty else { return false }
        return inbox.withLock { inbox in
            guard inbox.work.isEmpty else { return false }
            inbox.close()
            // Under the lock: whoever finds the inbox closed also finds this.
            hasEnded.store(true, ordering: .releasing)
            return true
        }
    }

    private func closeHandles() {
        closeHandle(wakeUp)
        closeHandle(beforePoll)
        closeHandle(spin)
        uv_run(uv, UV_RUN_DEFAULT)
        let status = uv_loop_close(uv)
        assert(status == 0, "a handle outlived the event loop \(name): close every client before its loop")
    }

    /// Ends the loop's thread after the work already queued; close every client on it first.
    ///
    /// `shared` never ends.
    ///
    /// Tasks that sleep on the loop wake with `CancellationError`. Work submitted later, also that of actors pinned to
    /// the loop, is done by `shared`.
    public func stop() async {
        precondition(!isShared, "EventLoop.shared belongs to the process and is never stopped")
        precondition(!isCurrent, "an event loop cannot wait for its own end")
        await withUnsafeContinuation { continuation in
            let isEnded = ended.withLock { ended in
                if !ended.isEnded { ended.waiters.append(continuation) }
                return ended.isEnded
            }
            if isEnded { return continuation.resume() }
            submit(.closure { [self] in isStopping = true })
        }
    }

    /// The loop's own clock, read once per turn: cheap, and good to the length of a turn.
    ///
    /// Loop's thread only.
    var nowMilliseconds: UInt64 { uv_now(uv) }

    /// How late the loop's timers ran at worst in the last ten seconds: above a few milliseconds, something blocks it.
    public var lag: Duration { timers.lag.reading }
}

/// Something that collects output during a turn and writes it once, before the poll.
protocol LoopFlushable: AnyObject {
    /// Writes what was collected.
    ///
    /// Loop's thread only.
    func flush()
}

private func eventLoopThread(_ context: UnsafeMutableRawPointer?) {
    guard let context else { return }
    Unmanaged<EventLoop>.fromOpaque(context).takeRetainedValue().threadBody()
}
