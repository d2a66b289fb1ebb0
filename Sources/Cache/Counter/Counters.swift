import FoundationEssentials
public import RedisCore

/// A family of counters in Redis: page views, stock, credits, in real time and without an end.
///
/// ```swift
/// let views = Counters(redis, name: "views")
/// try await views.increment("home")
/// let total = try await views.get("home")
/// ```
///
/// **What it promises.** Every increment is counted once, by the server, however many processes count.
///
/// **When a reply is lost** an increment is not repeated by itself: the error says that nobody knows. With a
/// `requestID` it is repeated, and a caller may repeat it too, within ``CountersOptions/requestMemory``: one id counts
/// once at one counter, and each repetition is answered like the first. **When Redis does not answer** every call
/// throws `unavailable`; nothing is guessed. A restart without persistence, or a failover, may lose the last increments
/// and marks.
///
/// Whole numbers have 64 bits and never wrap: what would overflow throws `outOfRange` and changes nothing. Fractions
/// are added by Redis with 17 digits; they are fine for measures, not for money.
///
/// A counter is made by its first increment, and lives until it is reset unless ``CountersOptions/ttl`` says otherwise.
/// Every call is one round trip on one key.
public struct Counters: Sendable {
    let engine: CacheEngine
    let keys: CacheKeys
    /// The family's name.
    public let name: String
    /// What it was made with.
    public let options: CountersOptions

    /// A family of counters; nothing is sent.
    ///
    /// - Parameters:
    ///   - name: 1 to 1,024 bytes.
    ///   - prefix: What the keys begin with; the client's prefix when nil.
    ///   - options: Options that cannot work are thrown as `invalidArgument` by every call.
    public init(
        _ redis: RedisClient, name: String, prefix: String? = nil, options: CountersOptions = CountersOptions()
    ) {
        let configuration = redis.configuration
        engine = .of(redis)
        keys = CacheKeys(prefix: prefix ?? configuration.prefix, database: configuration.database)
        self.name = name
        self.options = options
    }

    /// Counts of this family by minute, hour or day.
    ///
    /// - Parameter keep: How many buckets can be read, with the current one: 1 to 4,096. Of several values in use for
    ///   one counter the greatest holds.
    public func by(_ unit: CounterUnit, keep: Int) -> WindowedCounters {
        WindowedCounters(counters: self, unit: unit, keep: keep)
    }

    /// The key in Redis of one of the counters, for tools and other programs.
    public func redisKey(_ id: String) throws -> RedisKey { try key(id, "redisKey") }

    /// What is wrong with the family, whatever is asked of it.
    func check(_ operation: String) throws(CacheError) {
        try CacheKeys.check(name, "a family's name", operation: operation)
        try options.check(operation)
    }

    func key(_ id: String, _ operation: String) throws(CacheError) -> RedisKey {
        try check(operation)
        try CacheKeys.check(id, "a counter's id", operation: operation)
        return keys.counter(id, of: name)
    }

    /// The counter or its buckets, and the mark of the request if there is one.
    func keys(
        _ key: RedisKey, _ request: String?, _ mark: CacheKeys.CounterMark, _ operation: String
    ) throws(CacheError) -> [RedisKey] {
        guard let request else { return [key] }
        try CacheKeys.check(request, "a request's id", operation: operation)
        return [key, CacheKeys.mark(mark, of: request, at: key)]
    }
}

// MARK: - Counting

extension Counters {
    /// Adds a whole number; the count after it.
    ///
    /// - Parameter requestID: Makes it safe to repeat; 1 to 1,024 bytes, one for each thing that is to be counted.
    /// - Throws: `outOfRange` beyond 64 bits, `wrongType` for what is no whole number, `unavailable`,
    ///   `invalidArgument`; `CancellationError`, after which the effect is unknown.
    @discardableResult
    public func increment(_ id: String, by amount: Int = 1, requestID: String? = nil) async throws -> Int {
        try await add(id, amount, "INCRBY", requestID, "increment")
    }

    /// Subtracts a whole number; the count after it, which may be negative.
    ///
    /// As ``increment(_:by:requestID:)-(_,Int,_)``.
    @discardableResult
    public func decrement(_ id: String, by amount: Int = 1, requestID: String? = nil) async throws -> Int {
        guard amount != .min else {
            try check("decrement")
            throw CacheError(
                .outOfRange, operation: "decrement", message: "subtracting \(amount) needs a number that does not exist"
            )
        }
        return try await add(id, -amount, "INCRBY", requestID, "decrement")
    }

    /// Adds a number with a fraction; the sum after it.
    ///
    /// A sum beyond the range of `Double` throws `outOfRange` and changes nothing.
    ///
    /// As ``increment(_:by:requestID:)-(_,Int,_)``.
    @discardableResult
    public func increment(_ id: String, by amount: Double, requestID: String? = nil) async throws -> Double {
        try await add(id, amount, "INCRBYFLOAT", requestID, "increment")
    }

    /// Subtracts a number with a fraction; the sum after it.
    ///
    /// As ``increment(_:by:requestID:)-(_,Int,_)``.
    @discardableResult
    public func decrement(_ id: String, by amount: Double, requestID: String? = nil) async throws -> Double {
        try await add(id, -amount, "INCRBYFLOAT", requestID, "decrement")
    }

    private func add<Value: CounterValue>(
        _ id: String, _ amount: Value, _ command: String, _ request: String?, _ operation: String
    ) async throws -> Value {
        let key = try key(id, operation)
        let amount = try text(of: amount, operation)
        let life = try options.life(operation)
        guard request != nil || !life.isEmpty || Value.self != Int.self else {
            return try await call(operation, key) { redis throws(RedisError) in
                try await redis.command(
                    RedisCommand(command, key, amount), as: String.self, timeout: options.timeout)
            }
        }
        let keys = try keys(key, request, .add, operation)
        let arguments: [any RedisArgument] = [command, amount, life, try options.memory(operation)]
        return try await call(operation, key) { redis throws(RedisError) in
            try await redis.evaluate(
                CountersScripts.add(isMarked: request != nil), keys: keys, arguments: arguments, as: String.self,
                timeout: options.timeout)
        }
    }

    func text(of value: some CounterValue, _ operation: String) throws(CacheError) -> String {
        guard let text = value.counterText else {
            throw CacheError(
                .invalidArgument, operation: operation, message: "\(value) cannot be counted; give a finite number")
        }
        return text
    }
}

// MARK: - Reading and setting

extension Counters {
    /// The count; nil when nothing was ever counted, or it was reset.
    ///
    /// Throws `wrongType` for what is no such number, `unavailable`, `invalidArgument`; `CancellationError`.
    public func get<Value: CounterValue>(_ id: String, as type: Value.Type = Int.self) async throws -> Value? {
        try await getMany([id], as: type)[id]
    }

    /// Several counts by their ids, those without one left out; one round trip, none for no ids.
    ///
    /// Ids that differ in their bytes and yet are equal for Swift, such as é in one scalar and in two, are two counters
    /// and one key of the dictionary: ask for those one by one.
    public func getMany<Value: CounterValue>(
        _ ids: some Sequence<String> & Sendable, as type: Value.Type = Int.self
    ) async throws -> [String: Value] {
        var entries: [(id: String, key: RedisKey)] = []
        for id in ids { entries.append((id, try key(id, "get"))) }
        guard !entries.isEmpty else {
            try check("get")
            return [:]
        }
        let command = RedisCommand("MGET", arguments: entries.map(\.key))
        let texts = try await ask("get", nil) { redis throws(RedisError) in
            try await redis.command(command, as: [String?].self, timeout: options.timeout)
        }
        var values: [String: Value] = Dictionary(minimumCapacity: entries.count)
        for (entry, text) in zip(entries, texts) {
            if let text { values[entry.id] = try value(text, "get", entry.key) }
        }
        return values
    }

    /// Stores a count, whatever was there; its time to live begins anew.
    public func set(_ id: String, to value: some CounterValue) async throws {
        _ = try await store(id, value, isConditional: false, "set")
    }

    /// Stores a count if there is none; true if it did.
    ///
    /// Not repeated when its reply is lost: the error says so.
    public func setIfAbsent(_ id: String, to value: some CounterValue) async throws -> Bool {
        try await store(id, value, isConditional: true, "setIfAbsent")
    }

    private func store(
        _ id: String, _ value: some CounterValue, isConditional: Bool, _ operation: String
    ) async throws -> Bool {
        let key = try key(id, operation)
        let life = try options.life(operation)
        var arguments: [any RedisArgument] = [key, try text(of: value, operation)]
        if !life.isEmpty { arguments += ["PX", life] }
        if isConditional { arguments.append("NX") }
        let command = RedisCommand("SET", arguments: arguments).safeToRepeat(!isConditional)
        return try await ask(operation, key) { redis throws(RedisError) in
            try await redis.command(command, as: Bool.self, timeout: options.timeout)
        }
    }

    /// Forgets a count; true if there was one.
    ///
    /// Forgetting twice is forgetting once, but the answer of a repeated call may be false.
    @discardableResult
    public func reset(_ id: String) async throws -> Bool {
        let key = try key(id, "reset")
        return try await ask("reset", key) { redis throws(RedisError) in
            try await redis.command(
                RedisCommand("UNLINK", key).safeToRepeat(), as: Bool.self, timeout: options.timeout)
        }
    }
}
