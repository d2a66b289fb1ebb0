import RedisCore

/// Sends one request until it is answered or its budget is spent, whatever happens to the caller.
///
/// The usual case costs one round trip and no task: it runs in the caller's own. Only when the caller is cancelled, or
/// the first request fails, a detached task goes on, so that a cancelled caller never leaves a lock behind.
struct Persistent: Sendable {
    typealias Request<T> = @Sendable (_ timeout: Duration) async throws(RedisError) -> T

    struct Answer<T: Sendable>: Sendable {
        let result: Result<T, RedisError>
        /// An earlier request may have been executed although its reply was lost.
        let repeated: Bool
    }

    let redis: RedisClient

    init(_ redis: RedisClient) { self.redis = redis }

    func run<T: Sendable>(
        within budget: Duration, repeated: Bool = false, _ request: @escaping Request<T>
    ) async -> Answer<T> {
        let deadline = Moment.now + budget
        var repeated = repeated
        if !Task.isCancelled {
            do {
                return Answer(result: .success(try await request(budget)), repeated: repeated)
            } catch {
                if Self.isVerdict(error) { return Answer(result: .failure(error), repeated: repeated) }
                repeated = repeated || error.wasWritten
            }
        }
        return await insist(until: deadline, repeated: repeated, request)
    }

    /// The part that a cancelled caller cannot end.
    func insist<T: Sendable>(
        until deadline: Moment, repeated: Bool, _ request: @escaping Request<T>
    ) async -> Answer<T> {
        await Task.detached(executorPreference: redis.eventLoop) {
            await attempts(until: deadline, repeated: repeated, request)
        }.value
    }

    private func attempts<T: Sendable>(
        until deadline: Moment, repeated: Bool, _ request: Request<T>
    ) async -> Answer<T> {
        var repeated = repeated
        var pause = Duration.milliseconds(10)
        while true {
            let left = deadline - Moment.now
            do {
                return Answer(result: .success(try await request(max(left, .milliseconds(1)))), repeated: repeated)
            } catch {
                let isLast = Self.isVerdict(error) || Moment.now + pause >= deadline
                if isLast { return Answer(result: .failure(error), repeated: repeated) }
                repeated = repeated || error.wasWritten
            }
            // Nobody cancels this task, so the sleep can only end on time.
            try? await redis.eventLoop.sleep(for: pause)
            pause *= 2
        }
    }

    /// The server, or the client's owner, has decided: asking again changes nothing.
    static func isVerdict(_ error: RedisError) -> Bool {
        switch error.code {
        case .wrongType, .noPermission, .noAuthentication, .wrongPassword, .unknownCommand, .closed, .decoding,
            .invalidArgument, .configuration:
            true
        default: false
        }
    }
}
