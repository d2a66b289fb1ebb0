import Synchronization

/// One call that waits for a lease to be lost, released, or for its own cancellation: resumed exactly once.
final class LossWait: Sendable {
    private enum State {
        case new
        case waiting(CheckedContinuation<LeaseLoss?, Never>)
        case over(LeaseLoss?)
    }

    private let core: LeaseCore
    private let state = Mutex(State.new)

    init(_ core: LeaseCore) { self.core = core }

    func value() async -> LeaseLoss? {
        let listener = core.listen { self.finish($0) }
        defer { if let listener { core.unlisten(listener) } }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let known = state.withLock { state -> LeaseLoss?? in
                    if case .over(let loss) = state { return .some(loss) }
                    state = .waiting(continuation)
                    return nil
                }
                if let known { continuation.resume(returning: known) }
            }
        } onCancel: {
            finish(nil)
        }
    }

    private func finish(_ loss: LeaseLoss?) {
        let continuation = state.withLock { state -> CheckedContinuation<LeaseLoss?, Never>? in
            switch state {
            case .new: state = .over(loss)
            case .waiting(let continuation):
                state = .over(loss)
                return continuation
            case .over: break
            }
            return nil
        }
        continuation?.resume(returning: loss)
    }
}
