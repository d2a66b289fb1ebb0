import RedisCore
import Synchronization

/// The bare cost of one suspension and resumption, without anything being sent anywhere.
///
/// Tasks wait in a mutex-guarded array until the loop's thread resumes them all.
///
/// With tasks in the global pool the first to wait asks the loop for a pass over the array, as a client's inbox does:
/// each pass crosses threads twice. With tasks on the loop a driver among them makes the passes; it yields in between,
/// so that no task is resumed before it has suspended.
final class AwaitBaseline: Workload {
    private let tasks: TaskWorkload
    private let room: WaitingRoom
    private let loop: EventLoop
    private let placement: Placement

    init(tasks count: Int, placement: Placement, environment: Environment) {
        loop = environment.loop
        self.placement = placement
        let room = WaitingRoom(asking: placement == .pool ? environment.loop : nil)
        self.room = room
        tasks = TaskWorkload(tasks: count, executor: placement.executor(environment)) { run in
            while run.next() { await withUnsafeContinuation { room.enter($0) } }
        }
    }

    var completed: Int { tasks.completed }

    func start() {
        room.isOpen.store(true, ordering: .relaxed)
        tasks.start()
        guard placement == .loop else { return }
        Task(executorPreference: loop) { [room] in
            while room.isOpen.load(ordering: .relaxed) {
                room.resumeAll()
                await Task.yield()
            }
        }
    }

    func stop() throws {
        try tasks.stop()
        room.isOpen.store(false, ordering: .relaxed)
    }
}

private final class WaitingRoom: Sendable {
    private struct State {
        var waiting: [UnsafeContinuation<Void, Never>] = []
        /// The array of the last pass, emptied, so that a pass allocates nothing.
        var spare: [UnsafeContinuation<Void, Never>] = []
    }

    let isOpen = Atomic<Bool>(false)
    private let loop: EventLoop?
    private let state = Mutex(State())

    /// `loop` makes a pass whenever somebody begins to wait; without one a driver calls `resumeAll`.
    init(asking loop: EventLoop?) { self.loop = loop }

    func enter(_ continuation: UnsafeContinuation<Void, Never>) {
        let isFirst = state.withLock { state in
            state.waiting.append(continuation)
            return state.waiting.count == 1
        }
        if isFirst, let loop { loop.execute { self.resumeAll() } }
    }

    func resumeAll() {
        var ready = state.withLock { state in
            var ready: [UnsafeContinuation<Void, Never>] = []
            swap(&ready, &state.spare)
            swap(&ready, &state.waiting)
            return ready
        }
        for continuation in ready { continuation.resume() }
        ready.removeAll(keepingCapacity: true)
        state.withLock { $0.spare = ready }
    }
}
