import Foundation
import Synchronization

/// What the proxy's thread and its owner share: orders one way, counts the other.
final class ProxyControl: Sendable {
    enum Cut { case close, reset }

    struct Orders {
        var fault = Fault.pass { didSet { faultNumber += 1 } }
        /// Tells a new order from a repeated one.
        private(set) var faultNumber = 0
        var cut: Cut?
        /// Silence connections: all of them, or those that sent a command containing the text.
        var silence: String??
        var stop = false
    }

    struct Counts {
        var accepted = 0
        var open = 0
        var roundTrips = 0
    }

    private struct State {
        var orders = Orders()
        var counts = Counts()
        var commands: [String] = []
        var issued = 0
        var taken = 0
        var ended = false
    }

    private let state = Mutex(State())
    // A pipe wakes the thread out of poll(); a condition tells the owner that the orders were taken.
    let wakeReader: Int32
    private let wakeWriter: Int32
    private let taken = NSCondition()

    init() throws {
        var ends: [Int32] = [0, 0]
        guard pipe(&ends) == 0 else { throw SocketError("pipe") }
        for end in ends {
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
            Sockets.setNonBlocking(end)
        }
        (wakeReader, wakeWriter) = (ends[0], ends[1])
    }

    deinit {
        close(wakeReader)
        close(wakeWriter)
    }

    var counts: Counts { state.withLock(\.counts) }
    var commands: [String] { state.withLock(\.commands) }

    /// Gives an order and waits until the thread has it.
    func change(_ body: (inout Orders) -> Void) {
        let number = state.withLock { state in
            body(&state.orders)
            state.issued += 1
            return state.issued
        }
        wake()
        taken.lock()
        while state.withLock({ $0.taken < number && !$0.ended }) { taken.wait() }
        taken.unlock()
    }

    func stop() { change { $0.stop = true } }

    private func wake() {
        var byte: UInt8 = 1
        _ = write(wakeWriter, &byte, 1)
    }

    // MARK: the thread's side

    /// The current orders; a cut or silencing is handed over once.
    func take() -> (orders: Orders, number: Int) {
        var buffer = [UInt8](repeating: 0, count: 64)
        while read(wakeReader, &buffer, buffer.count) > 0 {}
        return state.withLock { state in
            defer {
                state.orders.cut = nil
                state.orders.silence = nil
            }
            return (state.orders, state.issued)
        }
    }

    /// Reports that orders up to `number` are carried out.
    func acknowledge(_ number: Int) {
        taken.lock()
        state.withLock { $0.taken = max($0.taken, number) }
        taken.broadcast()
        taken.unlock()
    }

    func ended() {
        taken.lock()
        state.withLock { $0.ended = true }
        taken.broadcast()
        taken.unlock()
    }

    func count(_ body: (inout Counts) -> Void) { state.withLock { body(&$0.counts) } }

    func saw(command: String) { state.withLock { $0.commands.append(command) } }
}
