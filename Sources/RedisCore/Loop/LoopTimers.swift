import CLibuv
import HeapModule

/// All deadlines of a loop on one `uv_timer_t`.
///
/// libuv (before 1.45) runs what is due before it looks at sockets: in a process that was held up, deadlines would be
/// judged while the replies that keep them lie unread. So the due time only makes the loop poll once without waiting;
/// what is due runs after that poll, or after some more when it is late and there is more to read. Loop's thread only.
final class LoopTimers {
    private struct Entry: Comparable {
        let due: Int64
        /// Equal deadlines fire in the order they were added.
        let order: UInt64
        let timer: LoopTimer

        static func < (a: Entry, b: Entry) -> Bool { (a.due, a.order) < (b.due, b.order) }
        static func == (a: Entry, b: Entry) -> Bool { a.order == b.order }
    }

    let lag = LoopLag()
    private let uv: UnsafeMutablePointer<uv_loop_t>
    private let handle: UnsafeMutablePointer<uv_timer_t>
    private let afterPoll: UnsafeMutablePointer<uv_check_t>
    /// Active while something is due: the poll does not wait then.
    private let noWait: UnsafeMutablePointer<uv_idle_t>
    private var entries = Heap<Entry>()
    private var order: UInt64 = 0
    private var armedFor: Int64?
    private var isClosed = false
    /// Whether a socket had something to do in the last poll.
    var wasSocketReady = false
    private var lookingSince: Int64?
    /// So late, ns, is what was held up, and not only busy.
    private static let heldUp: Int64 = 100_000_000
    /// The longest time, ns, that what is due waits for what has come.
    private static let longestLook: Int64 = 50_000_000
    /// Cancelled timers stay in the heap until they are due or until they are half of it.
    private var sweepAt = 256

    /// Monotonic nanoseconds; does not advance while the machine is suspended.
    static func now() -> Int64 { Int64(truncatingIfNeeded: uv_hrtime()) }

    init(_ uv: UnsafeMutablePointer<uv_loop_t>) {
        self.uv = uv
        handle = .allocate(capacity: 1)
        afterPoll = .allocate(capacity: 1)
        noWait = .allocate(capacity: 1)
    }

    deinit {
        handle.deallocate()
        afterPoll.deallocate()
        noWait.deallocate()
    }

    func start() {
        uv_timer_init(uv, handle)
        uv_check_init(uv, afterPoll)
        uv_idle_init(uv, noWait)
        let context = Unmanaged.passUnretained(self).toOpaque()
        handle.pointee.data = context
        afterPoll.pointee.data = context
    }

    /// The loop ends: whoever waits is told, and later timers are dropped.
    func close() {
        isClosed = true
        closeHandle(handle)
        closeHandle(afterPoll)
        closeHandle(noWait)
        let left = entries.unordered
        entries = Heap()
        for entry in left { entry.timer.drop() }
    }

    func add(_ timer: LoopTimer, due: Int64) {
        guard !isClosed else { return timer.drop() }
        order += 1
        entries.insert(Entry(due: due, order: order, timer: timer))
        if entries.count >= sweepAt { sweep() }
        arm()
    }

    private func sweep() {
        entries = Heap(entries.unordered.filter { !$0.timer.isCancelled })
        sweepAt = max(256, entries.count * 2)
    }

    private func arm() {
        guard let due = entries.min?.due, due != armedFor else { return }
        armedFor = due
        let left = max(0, due - Self.now())
        // libuv counts whole milliseconds from the start of the turn: round up, so that no timer runs early.
        uv_update_time(uv)
        uv_timer_start(
            handle,
            { handle in
                guard let context = handle?.pointee.data else { return }
                Unmanaged<LoopTimers>.fromOpaque(context).takeUnretainedValue().fireAfterPoll()
            }, UInt64((left + 999_999) / 1_000_000), 0)
    }

    private func fireAfterPoll() {
        armedFor = nil
        wasSocketReady = false
        lookingSince = nil
        uv_idle_start(noWait) { _ in }
        uv_check_start(afterPoll) { handle in
            guard let context = handle?.pointee.data else { return }
            let timers = Unmanaged<LoopTimers>.fromOpaque(context).takeUnretainedValue()
            if !timers.mustLookAgain() { timers.fire() }
        }
    }

    /// A poll reads a piece of each socket: after a hold-up there is more.
    private func mustLookAgain() -> Bool {
        guard wasSocketReady, let due = entries.min?.due else { return false }
        wasSocketReady = false
        let now = Self.now()
        guard now - due > Self.heldUp else { return false }
        let since = lookingSince ?? now
        lookingSince = since
        return now - since < Self.longestLook
    }

    private func fire() {
        uv_idle_stop(noWait)
        uv_check_stop(afterPoll)
        let now = Self.now()
        while let first = entries.min, first.due <= now {
            entries.removeMin()
            lag.note(Duration.nanoseconds(now - first.due), at: now)
            first.timer.fire()
        }
        arm()
    }
}
