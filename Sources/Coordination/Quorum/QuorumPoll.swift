import RedisCore
import Synchronization

/// One question to all servers at once, answered as soon as its verdict is certain; late answers are dropped.
///
/// The questions are asked by tasks of their own: a caller that is cancelled does not take back what may have been
/// granted, it gives it back.
final class QuorumPoll: Sendable {
    typealias Question = @Sendable (Int) async throws(RedisError) -> Int64

    struct Result: Sendable {
        let verdict: QuorumTally.Verdict
        /// By server; nil where none was known when the verdict was.
        let replies: [Int64?]
    }

    private struct State {
        var tally: QuorumTally
        var replies: [Int64?]
        var continuation: CheckedContinuation<Result, Never>?
    }

    private let state: Mutex<State>

    private init(_ nodes: Int) {
        state = Mutex(State(tally: QuorumTally(nodes: nodes), replies: Array(repeating: nil, count: nodes)))
    }

    static func ask(_ nodes: [RedisClient], _ question: @escaping Question) async -> Result {
        let poll = QuorumPoll(nodes.count)
        return await withCheckedContinuation { continuation in
            poll.state.withLock { $0.continuation = continuation }
            for (index, node) in nodes.enumerated() {
                Task.detached(executorPreference: node.eventLoop) {
                    do throws(RedisError) {
                        poll.answered(index, try await question(index))
                    } catch {
                        // A key of another type is somebody else's.
                        poll.answered(index, error.code == .wrongType ? -1 : nil)
                    }
                }
            }
        }
    }

    private func answered(_ index: Int, _ reply: Int64?) {
        let settled = state.withLock { state -> (CheckedContinuation<Result, Never>, Result)? in
            state.tally.add(reply)
            state.replies[index] = reply
            guard state.tally.verdict != .open, let continuation = state.continuation else { return nil }
            state.continuation = nil
            return (continuation, Result(verdict: state.tally.verdict, replies: state.replies))
        }
        if let (continuation, result) = settled { continuation.resume(returning: result) }
    }
}
