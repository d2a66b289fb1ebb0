import Metrics
import RedisCore

/// One call that waits for several locks: always in the line of the one that was found held last.
///
/// Nothing is held while waiting, so two callers that want the same locks cannot block each other, whatever order they
/// name them in.
struct MultiLockWait: Sendable {
    /// What waiting in one line came to.
    private enum Step: Sendable {
        case granted(Lease)
        /// Another lock stands in the way now.
        case moved(Int)
    }

    private let request: MultiLockRequest
    private let wait: Duration?
    private let begun = Moment.now

    init(_ request: MultiLockRequest, wait: Duration?) throws(CoordinationError) {
        if let wait, wait < .zero {
            throw CoordinationError(
                .invalidArgument, operation: "acquire", key: request.keys[0],
                message: "the wait is \(wait); it must not be negative")
        }
        self.request = request
        self.wait = wait
    }

    func lease() async throws -> Lease {
        var index: Int
        switch try await attempt(held: nil) {
        case .granted(let lease): return lease
        case .held(let first, _): index = first
        case .tooLate: index = 0
        }
        if wait == .zero { throw request.notAcquired(after: .zero, held: index) }
        defer { request.engine.metrics.wait.record(duration: .now - begun) }
        while true {
            switch try await step(index) {
            case .granted(let lease): return lease
            case .moved(let next): index = next
            }
        }
    }

    private func step(_ index: Int) async throws -> Step {
        let waits = request.engine.waits
        let step = try await waits.wait(on: request.wakeChannel(index), until: wait.map { begun + $0 }) {
            () async throws -> WaitRoom.Verdict<Step> in
            switch try await attempt(held: index) {
            case .granted(let lease): .granted(.granted(lease), holdsFor: request.ttl.duration)
            case .held(index, let left): .denied(left: left)
            case .held(let other, _): .settled(.moved(other))
            case .tooLate: .denied(left: .zero)
            }
        }
        guard let step else { throw request.notAcquired(after: wait ?? .zero, held: index) }
        return step
    }

    /// One attempt that ends with the wait.
    private func attempt(held index: Int?) async throws -> MultiLockRequest.Outcome {
        let left = wait.flatMap { $0 == .zero ? nil : $0 - (.now - begun) }
        if let left, left <= .zero { throw request.notAcquired(after: wait ?? .zero, held: index) }
        let usual = request.engine.redis.configuration.commandTimeout
        do {
            return try await request.attempt(timeout: left.map { min($0, usual) })
        } catch {
            if index != nil, error.code == .timedOut, let left, left < usual {
                throw request.notAcquired(after: wait ?? .zero, held: index, error)
            }
            throw request.unanswered(error)
        }
    }
}
