import Foundation
import Synchronization

/// Runs an asynchronous body and blocks the calling thread, which must not be one of Swift's pool, until it ends.
func blocking<T: Sendable>(_ body: @escaping @Sendable () async throws -> T) throws -> T {
    let finished = DispatchSemaphore(value: 0)
    let slot = Slot<T>()
    Task {
        do {
            let value = try await body()
            slot.result.withLock { $0 = .success(value) }
        } catch {
            slot.result.withLock { $0 = .failure(error) }
        }
        finished.signal()
    }
    finished.wait()
    guard let result = slot.result.withLock({ $0 }) else { preconditionFailure("signalled without a result") }
    return try result.get()
}

private final class Slot<T: Sendable>: Sendable {
    let result = Mutex<Result<T, any Error>?>(nil)
}
