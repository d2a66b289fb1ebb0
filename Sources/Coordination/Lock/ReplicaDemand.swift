import RedisCore

/// How many replicas have to know of a grant, and how long they may take; checked once.
struct ReplicaDemand: Sendable {
    let count: Int
    let time: LeaseTime

    /// nil when none are demanded.
    init?(_ replicas: Locks.Replicas) throws(CoordinationError) {
        guard case .atLeast(let count, let time) = replicas else { return nil }
        guard (1...64).contains(count) else {
            throw CoordinationError(
                .invalidArgument, operation: "acquire", message: "\(count) replicas were demanded; it must be 1 to 64")
        }
        self.count = count
        self.time = try LeaseTime(time, "the replicas' time", operation: "acquire")
    }

    /// How many replicas have everything that was written on this connection.
    func confirmed(on connection: ExclusiveConnection) async throws(RedisError) -> Int {
        try await connection.command(
            RedisCommand("WAIT", count, time.milliseconds), timeout: time.duration + .seconds(5))
    }
}
