import RedisCore

extension Locks {
    /// What the server knows of a lock now; two requests in one write, on the connection that values do not block.
    ///
    /// - Parameter name: 1 to 1,024 bytes.
    /// - Throws: `unavailable` when Redis gave no verdict, `invalidArgument`; `CancellationError`.
    public func inspect(_ name: String) async throws -> LockState {
        let key = try keys.lock(name)
        let fence = keys.fence(of: key)
        do {
            async let listeners: [RedisValue] = engine.redis.command(
                RedisCommand("PUBSUB", "NUMSUB", keys.wakeChannel(key)), on: .control)
            let reply: [RedisValue] = try await engine.redis.evaluate(
                ForceScripts.inspect, keys: [RedisKey(key), RedisKey(fence)], on: .control)
            return Self.state(name, key, reply, try await listeners)
        } catch let error as RedisError {
            throw CoordinationError.from(error, operation: "inspect", key: key)
        }
    }

    private static func state(
        _ name: String, _ key: String, _ reply: [RedisValue], _ listeners: [RedisValue]
    ) -> LockState {
        var left: Int64?
        if reply.count > 1, case .integer(let milliseconds) = reply[1], milliseconds >= 0 { left = milliseconds }
        var waiting = 0
        if case .integer(let count)? = listeners.last { waiting = Int(count) }
        return LockState(
            name: name, key: key, holder: text(reply.first), millisecondsLeft: left,
            fencingToken: text(reply.last).flatMap { Int64($0) }, waitingClients: waiting)
    }

    private static func text(_ value: RedisValue?) -> String? {
        if case .bytes(let bytes)? = value { String(decoding: bytes, as: UTF8.self) } else { nil }
    }

    /// The locks that are held, found by SCAN without blocking the server; see ``LockList``.
    ///
    /// - Parameter pattern: The server's glob over names: `payment:*`. A backslash takes the meaning from the
    ///   character behind it.
    public func list(matching pattern: String = "*") -> LockList { LockList(locks: self, pattern: pattern) }
}

/// The locks of a prefix whose names match, each once and as it was when it came up.
///
/// SCAN's own guarantee: a lock that is held from the beginning to the end is found; one that comes or goes meanwhile
/// may be. One round trip a page of 500 keys of the database, and one a lock. With plain keys every string under the
/// prefix passes for a lock.
public struct LockList: AsyncSequence, Sendable {
    /// One lock.
    public typealias Element = LockState

    let locks: Locks
    let pattern: String

    /// Starts from the beginning.
    public func makeAsyncIterator() -> AsyncIterator {
        let redis = locks.engine.redis
        return AsyncIterator(
            locks: locks, keys: redis.scan(match: locks.keys.lockPattern(pattern), type: .string).makeAsyncIterator())
    }

    /// Reads the keys page by page and looks at each.
    public struct AsyncIterator: AsyncIteratorProtocol {
        let locks: Locks
        var keys: RedisScan.AsyncIterator

        /// The next lock that is held; nil at the end.
        ///
        /// - Throws: `unavailable` when Redis gave no verdict; `CancellationError`.
        public mutating func next(isolation actor: isolated (any Actor)?) async throws -> LockState? {
            do {
                while let key = try await keys.next(isolation: actor) {
                    // What another program keeps under the prefix, and no lock of ours could be called, is passed over.
                    guard let name = locks.keys.lockName(key.name), let own = try? locks.keys.lock(name),
                        RedisKey(own) == key
                    else { continue }
                    let state = try await locks.inspect(name)
                    // Released since the page was read.
                    if state.isHeld { return state }
                }
                return nil
            } catch let error as RedisError {
                throw CoordinationError.from(error, operation: "list", key: locks.keys.lockPattern("*"))
            }
        }
    }
}
