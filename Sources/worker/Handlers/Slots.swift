import DequeModule
import Synchronization

/// A counting semaphore for tasks: first come, first served; a cancelled waiter leaves the line at once.
final class Slots: Sendable {
    private struct State {
        var free: Int
        var waiting: Deque<(id: Int, continuation: CheckedContinuation<Bool, Never>)> = []
        var cancelled: Set<Int> = []
        var nextID = 0
    }

    private let state: Mutex<State>

    init(_ count: Int) { state = Mutex(State(free: count)) }

    func acquire() async throws(CancellationError) {
        let id = state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
        let granted = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let answer: Bool? = state.withLock { state in
                    // The cancellation may have come before the continuation existed.
                    if state.cancelled.remove(id) != nil { return false }
                    if state.free > 0 {
                        state.free -= 1
                        return true
                    }
                    state.waiting.append((id, continuation))
                    return nil
                }
                if let answer { continuation.resume(returning: answer) }
            }
        } onCancel: {
            let continuation = state.withLock { state -> CheckedContinuation<Bool, Never>? in
                guard let index = state.waiting.firstIndex(where: { $0.id == id }) else {
                    state.cancelled.insert(id)
                    return nil
                }
                return state.waiting.remove(at: index).continuation
            }
            continuation?.resume(returning: false)
        }
        // A cancellation that came after the grant left its mark for nobody.
        state.withLock { _ = $0.cancelled.remove(id) }
        if !granted { throw CancellationError() }
    }

    func release() {
        let next = state.withLock { state -> CheckedContinuation<Bool, Never>? in
            if let next = state.waiting.popFirst() { return next.continuation }
            state.free += 1
            return nil
        }
        next?.resume(returning: true)
    }

    /// Tasks in line, for tests and reports.
    var waiting: Int { state.withLock { $0.waiting.count } }
}

/// One run's hold on the slots of its handler and of the worker: taken together, given back, taken again.
///
/// The order is always the same and a holder never waits for a lock or for another worker's outcome, so the slots
/// cannot deadlock.
final class SlotTicket: Sendable {
    private let slots: [Slots]
    private let holds = Mutex(false)

    init(_ slots: [Slots]) { self.slots = slots }

    func acquire() async throws(CancellationError) {
        guard !holds.withLock({ $0 }) else { return }
        for (index, slot) in slots.enumerated() {
            do throws(CancellationError) {
                try await slot.acquire()
            } catch {
                slots[..<index].forEach { $0.release() }
                throw error
            }
        }
        holds.withLock { $0 = true }
    }

    /// Safe to call when nothing is held.
    func release() {
        let held = holds.withLock { holds in
            defer { holds = false }
            return holds
        }
        if held { slots.forEach { $0.release() } }
    }
}
