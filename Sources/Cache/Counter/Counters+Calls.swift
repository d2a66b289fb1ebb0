import RedisCore

extension Counters {
    /// Sends something that answers with a count.
    func call<Value: CounterValue>(
        _ operation: String, _ key: RedisKey, _ body: (RedisClient) async throws(RedisError) -> String
    ) async throws -> Value {
        try value(try await ask(operation, key, body), operation, key)
    }

    /// Sends something; what Redis says of numbers gets a code of its own.
    func ask<T>(
        _ operation: String, _ key: RedisKey?, _ body: (RedisClient) async throws(RedisError) -> T
    ) async throws -> T {
        do {
            return try await engine.call(operation, key: key?.name, body)
        } catch let error as CacheError {
            throw error.ofNumbers
        }
    }

    func value<Value: CounterValue>(_ text: String, _ operation: String, _ key: RedisKey) throws(CacheError) -> Value {
        guard let value = Value(counterText: text) else {
            throw CacheError(
                .wrongType, operation: operation, key: key.name,
                message: "\(key.name) holds no \(Value.self); read it as another type, or reset it")
        }
        return value
    }
}

extension CacheError {
    /// The same error with the code of what Redis says of numbers in words only.
    var ofNumbers: CacheError {
        guard code == .unavailable, let redis = underlying as? RedisError else { return self }
        let words = redis.code == .server ? redis.serverMessage ?? "" : ""
        if words.contains("overflow") || words.contains("NaN or Infinity") {
            return CacheError(
                .outOfRange, operation: operation, key: key,
                message: "\(operation) would go beyond the range of its numbers; nothing was changed", underlying: redis
            )
        }
        if words.contains("not an integer") || words.contains("not a valid float") || redis.code == .decoding {
            return CacheError(
                .wrongType, operation: operation, key: key,
                message: "\(operation) met a value that is no such number; reset it or use another key",
                underlying: redis)
        }
        return self
    }
}
