import Foundation

/// Blocks a thread until it is opened: to hold up an event loop on purpose.
final class BlockingGate: Sendable {
    private let semaphore = DispatchSemaphore(value: 0)

    func wait() { semaphore.wait() }

    func open() { semaphore.signal() }
}
