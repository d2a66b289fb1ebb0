import Synchronization

/// Lets a limited number of tests run a server at the same time, in the order they came.
///
/// Without it a parallel run starts every server at once, and time limits measure the machine's queue.
final class ServerSlots: Sendable {
    private struct Waiter {
        let id: Int
        let continuation: CheckedContinuation<Bool, Never>
    }

    private struct State {
        var free: Int
        var nextID = 0
        var waiting: [Waiter] = []
        var cancelled: Set<Int> = []
    }

    /// A test that needs a second server has its slot already: waiting for another could wait for itself.
    @TaskLocal private static var isHeld = false

    private static let shared = ServerSlots(count: 12)

    private let state: Mutex<State>

    private init(count: Int) { state = Mutex(State(free: count)) }

    /// Runs a body in a slot: the caller's, if it has one.
    static func withSlot<T>(
        isolation: isolated (any Actor)? = #isolation, _ body: () async throws -> T
    ) async throws -> T {
        guard !isHeld else { return try await body() }
        try await shared.take()
        defer { shared.giveBack() }
        return try await $isHeld.withValue(true, operation: body)
    }

    /// Waits for a slot; throws `CancellationError` when the task is cancelled before.
    private func take() async throws {
        let id = state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
        let isMine = await withTaskCancellationHandler {
            await suspend(id)
        } onCancel: {
            cancel(id)
        }
        guard isMine else { throw CancellationError() }
    }

    private func giveBack() {
        let next: Waiter? = state.withLock { state in
            if state.waiting.isEmpty {
                state.free += 1
                return nil
            }
            return state.waiting.removeFirst()
        }
        next?.continuation.resume(returning: true)
    }

    private func suspend(_ id: Int) async -> Bool {
        await withCheckedContinuation { continuation in
            let answer: Bool? = state.withLock { state in
                if state.cancelled.remove(id) != nil { return false }
                if state.free > 0 {
                    state.free -= 1
                    return true
                }
                state.waiting.append(Waiter(id: id, continuation: continuation))
                return nil
            }
            if let answer { continuation.resume(returning: answer) }
        }
    }

    private func cancel(_ id: Int) {
        let waiter: Waiter? = state.withLock { state in
            guard let index = state.waiting.firstIndex(where: { $0.id == id }) else {
                state.cancelled.insert(id)
                return nil
            }
            return state.waiting.remove(at: index)
        }
        waiter?.continuation.resume(returning: false)
    }
}
