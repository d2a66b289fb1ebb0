/// A bounded number of attempts with pauses between them, and none after the last.
struct Retries: Sendable {
    let maxRetries: Int
    let delay: Duration

    init(maxRetries: Int, delay: Duration) throws(CoordinationError) {
        guard maxRetries >= 0, delay >= .zero else {
            throw CoordinationError(
                .invalidArgument, operation: "tryAcquireWithRetry",
                message: "maxRetries is \(maxRetries) and delay \(delay); neither may be negative")
        }
        self.maxRetries = maxRetries
        self.delay = delay
    }

    /// The first result that is not nil; an error ends the attempts.
    func run<Value>(
        pause: (Duration) async throws -> Void, attempt: () async throws -> Value?
    ) async throws -> Value? {
        for number in 0...maxRetries {
            if number > 0 { try await pause(delay) }
            if let value = try await attempt() { return value }
        }
        return nil
    }
}
