import CFloor
import Synchronization

/// What a floor's C callbacks share with the thread that measures.
///
/// It lives at a fixed address. Plain fields belong to the thread that runs the loop; the atomics cross threads and,
/// relaxed, cost what a plain load or store costs.
struct FloorState: ~Copyable {
    typealias Pointer = UnsafeMutablePointer<FloorState>

    let completed = Atomic<Int>(0)
    let stopping = Atomic<Bool>(false)
    var loop: UnsafeMutablePointer<uv_loop_t>
    var inFlight = 0
    var failures = 0

    /// Counts finished operations; only the loop's thread writes.
    @inline(__always)
    func finish(_ count: Int) {
        completed.store(completed.load(ordering: .relaxed) &+ count, ordering: .relaxed)
    }

    /// True once the measuring thread asked for the end.
    var isStopping: Bool {
        @inline(__always) get { stopping.load(ordering: .relaxed) }
    }

    /// True while new work may be started; otherwise the last operation in flight stops the loop.
    @inline(__always)
    mutating func mayContinue() -> Bool {
        guard isStopping else { return true }
        inFlight -= 1
        if inFlight == 0 { uv_stop(loop) }
        return false
    }

    /// A reply that is not what the workload expects, or none: the floor is void.
    mutating func fail() {
        failures += 1
        uv_stop(loop)
    }
}
