import CFloor
import Foundation
import Synchronization

/// A workload done by raw hiredis callbacks on a raw `uv_loop_t`: no Swift concurrency, one thread, nothing shared.
///
/// `@unchecked Sendable`: between `start` and `stop` only the floor's thread touches anything but the atomics, and
/// outside of them only the thread that measures; starting the thread and waiting for its end order the two.
final class Floor: Workload, @unchecked Sendable {
    typealias Loop = UnsafeMutablePointer<uv_loop_t>

    private let loop = Loop.allocate(capacity: 1)
    private let state = FloorState.Pointer.allocate(capacity: 1)
    private let finished = DispatchSemaphore(value: 0)
    private let begin: () -> Void

    /// `prepare` opens the connections and returns what puts the first operations in flight (and sets `inFlight`);
    /// their callbacks keep them there.
    init(_ prepare: (Loop, FloorState.Pointer) throws -> () -> Void) throws {
        uv_loop_init(loop)
        state.initialize(to: FloorState(loop: loop))
        begin = try prepare(loop, state)
    }

    var completed: Int { state.pointee.completed.load(ordering: .relaxed) }

    func start() {
        state.pointee.stopping.store(false, ordering: .relaxed)
        let thread = Thread { [self] in
            begin()
            uv_run(loop, UV_RUN_DEFAULT)
            finished.signal()
        }
        thread.name = "floor"
        thread.start()
    }

    func stop() throws {
        state.pointee.stopping.store(true, ordering: .relaxed)
        finished.wait()
        guard state.pointee.failures == 0 else { throw BenchmarkError("floor: an unexpected reply, or none") }
    }
}

extension UnsafeMutablePointer {
    /// A value at an address that stays; a floor lives as long as the process.
    static func immortal(_ value: Pointee) -> UnsafeMutablePointer {
        let address = allocate(capacity: 1)
        address.initialize(to: value)
        return address
    }
}
