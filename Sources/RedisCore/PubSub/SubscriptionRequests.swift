/// Callers that wait until the server has confirmed all of their names; each is resumed once.
///
/// Loop's thread only.
struct SubscriptionRequests {
    private struct Request {
        let continuation: UnsafeContinuation<Result<Void, RedisError>, Never>
        let deadline: LoopTimer
    }

    private var requests: [UInt64: Request] = [:]

    /// All that wait.
    var ids: [UInt64] { Array(requests.keys) }

    mutating func add(
        _ id: UInt64, _ continuation: UnsafeContinuation<Result<Void, RedisError>, Never>, _ deadline: LoopTimer
    ) {
        requests[id] = Request(continuation: continuation, deadline: deadline)
    }

    /// Resumes a caller; nothing for one that has been.
    mutating func finish(_ id: UInt64, _ result: Result<Void, RedisError>) {
        guard let request = requests.removeValue(forKey: id) else { return }
        request.deadline.cancel()
        request.continuation.resume(returning: result)
    }
}
