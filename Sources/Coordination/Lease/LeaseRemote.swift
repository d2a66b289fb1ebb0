import RedisCore

/// Keeps a lease somewhere else than in one key set of one server; all three answer 1, 0 or −1 as a ``LeaseKind``'s
/// scripts do, and throw when nobody can say.
protocol LeaseRemote: Sendable {
    func renew(_ ttl: LeaseTime, timeout: Duration?) async throws(RedisError) -> Int64
    func release(timeout: Duration) async throws(RedisError) -> Int64
    func check() async throws(RedisError) -> Int64
}
