import RedisCore

extension Counters {
    /// Takes what was counted and begins anew; nil when nothing was.
    ///
    /// What is no such number stays and is told as `wrongType`. One round trip; with a ``CounterValue`` of your own,
    /// which only this process can judge, two, and one more for each count that came between.
    ///
    /// - Parameter requestID: With one, a lost reply loses no count: the same id is answered the same again within
    ///   ``CountersOptions/requestMemory``. Without one it is not repeated, and what was counted may be gone.
    /// - Throws: `wrongType`, `unavailable`, `invalidArgument`; `conflict` when a type of your own met a hundred counts
    ///   in a row; `CancellationError`.
    public func getAndReset<Value: CounterValue>(
        _ id: String, as type: Value.Type = Int.self, requestID: String? = nil
    ) async throws -> Value? {
        let key = try key(id, "getAndReset")
        let keys = try keys(key, requestID, .take, "getAndReset")
        let memory = try options.memory("getAndReset")
        var wanted = CountersScripts.Wanted(type)
        for _ in 0..<Self.mostTakes {
            let arguments: [any RedisArgument] = [memory] + wanted.arguments
            let reply: RedisValue = try await ask("getAndReset", key) { redis throws(RedisError) in
                try await redis.evaluate(
                    CountersScripts.take(isMarked: requestID != nil), keys: keys, arguments: arguments,
                    timeout: options.timeout)
            }
            switch reply {
            case .bytes(let text) where text.isEmpty: return nil
            case .bytes(let text): return try value(String(decoding: text, as: UTF8.self), "getAndReset", key)
            case .array(let seen):
                guard case .bytes(let bytes)? = seen.first else { throw noAnswer(key) }
                let text = String(decoding: bytes, as: UTF8.self)
                // Before it is taken: what this type cannot read stays.
                let _: Value = try value(text, "getAndReset", key)
                wanted = .exactly(text)
            default: throw noAnswer(key)
            }
        }
        throw CacheError(
            .conflict, operation: "getAndReset", key: key.name,
            message: "\(key.name) was counted up each time it was about to be taken; try again")
    }

    private static var mostTakes: Int { 100 }

    private func noAnswer(_ key: RedisKey) -> CacheError {
        CacheError(
            .unavailable, operation: "getAndReset", key: key.name, message: "Redis gave no answer of the script")
    }
}
