import Metrics
import RedisCore

/// One call of `acquire`: the first attempt, the wait, and what its end means to the caller.
struct LeaseWait<Request: LeaseRequest>: Sendable {
    private let request: Request
    private let wait: Duration?
    private let begun = Moment.now
    private var waits: WaitRoom { request.engine.waits }

    init(_ request: Request, wait: Duration?) throws(CoordinationError) {
        if let wait, wait < .zero {
            throw CoordinationError(
                .invalidArgument, operation: "acquire", key: request.key,
                message: "the wait is \(wait); it must not be negative")
        }
        self.request = request
        self.wait = wait
    }

    func lease() async throws -> Lease {
        do {
            return try await attempts()
        } catch {
            request.gaveUp()
            throw error
        }
    }

    private func attempts() async throws -> Lease {
        let channel = request.wakeChannel
        // Who comes later than a waiter of this process does not overtake it.
        if !waits.isBusy(channel) || wait == .zero {
            if case .granted(let lease) = try await attempt(sawHeld: false) { return lease }
            if wait == .zero { throw notAcquired() }
        }
        return try await waitInLine(channel)
    }

    private func waitInLine(_ channel: String) async throws -> Lease {
        let deadline = wait.map { begun + $0 }
        let lease = try await waits.wait(on: channel, until: deadline, alone: request.waitsAlone) {
            () async throws -> WaitRoom.Verdict<Lease> in
            switch try await attempt(sawHeld: true) {
            case .granted(let lease):
                request.isShared ? .settled(lease) : .granted(lease, holdsFor: request.ttl.duration)
            case .held(let left): .denied(left: left)
            case .tooLate: .denied(left: .zero)
            }
        }
        request.engine.metrics.wait.record(duration: .now - begun)
        guard let lease else { throw notAcquired() }
        return lease
    }

    /// One attempt that ends with the wait.
    ///
    /// When it is the wait that ends it, that is contention after "held" was heard before, and a silent Redis
    /// otherwise.
    private func attempt(sawHeld: Bool) async throws -> LeaseAttempt {
        let left = wait.flatMap { $0 == .zero ? nil : $0 - (.now - begun) }
        if let left, left <= .zero { throw notAcquired() }
        let usual = request.engine.redis.configuration.commandTimeout
        do {
            return try await request.attempt(timeout: left.map { min($0, usual) })
        } catch let error as RedisError {
            if sawHeld, error.code == .timedOut, let left, left < usual { throw notAcquired(error) }
            throw CoordinationError.from(error, operation: "acquire", key: request.key)
        }
    }

    private func notAcquired(_ underlying: (any Error)? = nil) -> CoordinationError {
        request.notAcquired(after: wait ?? .zero, underlying)
    }
}
