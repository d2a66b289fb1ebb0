public import RedisCore

/// A Lua script that runs only for who has the newest fencing token, so that a paused holder's late call is refused.
///
/// ```swift
/// static let add = FencedScript("stock.add", """
///     return redis.call('HINCRBY', KEYS[1], ARGV[1], ARGV[2])
///     """)
/// let left = try await lease.fenced(add, "stock:7", arguments: ["blue", -1], as: Int.self)   // nil: refused
/// ```
///
/// The text is a function's body: it sees its resource as `KEYS[1]`, its other keys behind it, its own `ARGV`, and
/// returns what it likes. Whether it may run is decided in the same step, by the token seen last at the resource (a key
/// beside it, `{resource}:guard`, 30 days from the last call). All writers of the resource must go this way, or use
/// ``Lease/fencedSet(_:to:expiry:)`` and its siblings, which share the guard.
public struct FencedScript: Sendable {
    let script: RedisScript

    /// Hashes the text once; keep it in a `static let`.
    ///
    /// - Parameters:
    ///   - name: Names the script in errors.
    ///   - isSafeToRepeat: Whether running it twice with the same token is as good as once, so that it is repeated
    ///     when its reply was lost.
    ///   - body: Lua.
    public init(_ name: String, isSafeToRepeat: Bool = false, _ body: String) {
        script = RedisScript(
            name, isSafeToRepeat: isSafeToRepeat,
            """
            local guard, fence, life = table.remove(KEYS), ARGV[#ARGV - 1], table.remove(ARGV)
            table.remove(ARGV)
            local seen = redis.call('GET', guard)
            if seen and tonumber(seen) > tonumber(fence) then return {0} end
            redis.call('SET', guard, fence, 'PX', life)
            local result = (function()
            \(body)
            end)()
            if result == nil then result = false end
            return {1, result}
            """)
    }
}

extension Lease {
    /// Runs a script on a resource in Redis unless somebody with a larger fencing token has been there; one round trip.
    ///
    /// - Parameters:
    ///   - script: What to run.
    ///   - resource: `KEYS[1]` of the script; its hash tag, if any, must be well formed.
    ///   - keys: Its further keys, in the resource's cluster slot.
    ///   - arguments: Its `ARGV`.
    ///   - type: What to read its result as.
    /// - Returns: the result, or nil when the call was refused.
    /// - Throws: `unavailable` when Redis gave no verdict, `invalidArgument`; `CancellationError`.
    public func fenced<T: RedisDecodable>(
        _ script: FencedScript, _ resource: RedisKey, keys: [RedisKey] = [], arguments: [any RedisArgument] = [],
        as type: T.Type = T.self
    ) async throws -> T? {
        let guardKey = try CoordinationKeys.guardKey(of: resource.name)
        do {
            let answer: FencedAnswer<T> = try await core.engine.redis.evaluate(
                script.script, keys: [resource] + keys + [RedisKey(guardKey)],
                arguments: arguments + [fencingToken, LifeOfKeys.fence] as [any RedisArgument])
            return answer.value
        } catch {
            throw CoordinationError.from(error, operation: script.script.name, key: resource.name)
        }
    }

    /// Sets fields of a hash in Redis unless somebody with a larger fencing token has been there; one round trip.
    ///
    /// As ``fencedSet(_:to:expiry:)``, with which it shares the guard.
    ///
    /// - Returns: false when the write was refused.
    /// - Throws: `unavailable` when Redis gave no verdict, `invalidArgument` also for no field; `CancellationError`.
    public func fencedSet(
        fields: [String: any RedisArgument], of resource: RedisKey, expiry: Duration? = nil
    ) async throws -> Bool {
        guard !fields.isEmpty else {
            throw CoordinationError(
                .invalidArgument, operation: "fencedSet", key: resource.name, message: "no field was given")
        }
        var milliseconds: Int64 = 0
        if let expiry { milliseconds = try LeaseTime(expiry, "the expiry", operation: "fencedSet").milliseconds }
        let pairs = fields.sorted { $0.key < $1.key }.flatMap { [$0.key, $0.value] as [any RedisArgument] }
        return try await fenced(FencedScript.setFields, resource, arguments: [milliseconds] + pairs, as: Int.self)
            != nil
    }

    /// Deletes a key in Redis unless somebody with a larger fencing token has been there; one round trip.
    ///
    /// - Returns: whether it existed; nil when the deletion was refused.
    /// - Throws: `unavailable` when Redis gave no verdict, `invalidArgument`; `CancellationError`.
    public func fencedDelete(_ resource: RedisKey) async throws -> Bool? {
        try await fenced(FencedScript.delete, resource, as: Bool.self)
    }
}

extension FencedScript {
    /// | | |
    /// |---|---|
    /// | KEYS[1] | the resource: hash |
    /// | ARGV[1] | its time to live, ms; 0 leaves it as it is |
    /// | ARGV[2…] | fields and values |
    /// | returns | 1 |
    static let setFields = FencedScript(
        "fenced.setFields", isSafeToRepeat: true,
        """
        -- In pieces: Lua unpacks some 8,000 values at most.
        for i = 2, #ARGV, 1000 do
            redis.call('HSET', KEYS[1], unpack(ARGV, i, math.min(i + 999, #ARGV)))
        end
        if ARGV[1] ~= '0' then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
        return 1
        """)

    /// | | |
    /// |---|---|
    /// | KEYS[1] | the resource |
    /// | returns | how many keys were deleted |
    static let delete = FencedScript("fenced.delete", "return redis.call('DEL', KEYS[1])")
}

/// `{1, result}` for a call that ran, `{0}` for one that was refused.
private struct FencedAnswer<T: RedisDecodable>: RedisDecodable {
    let value: T?

    static func decode(_ reply: borrowing RedisReply) throws(RedisError) -> FencedAnswer<T> {
        guard try reply.decode(0) as Int == 1 else { return FencedAnswer(value: nil) }
        return FencedAnswer(value: try reply.decode(1, as: T.self))
    }
}
