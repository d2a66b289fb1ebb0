/// How counters live and wait.
public struct CountersOptions: Sendable {
    /// How long a counter lives from its first increment or from being set; `.never`, which `.default` means too.
    ///
    /// It is set in the same step as the count, and later increments do not prolong it. A counter that was made without
    /// an end gets one with its next increment.
    public var ttl: CacheTTL
    /// How long a request's id is remembered, 1 ms to ten years; 10 minutes.
    public var requestMemory: Duration
    /// How long one call waits for Redis at most; 1 s.
    public var timeout: Duration

    /// The defaults of the field, unless told otherwise.
    public init(ttl: CacheTTL = .never, requestMemory: Duration = .seconds(600), timeout: Duration = .seconds(1)) {
        self.ttl = ttl
        self.requestMemory = requestMemory
        self.timeout = timeout
    }

    /// What cannot work; every call throws it.
    func check(_ operation: String) throws(CacheError) {
        _ = try timeout.cacheMilliseconds("the time-out", operation: operation)
        _ = try memory(operation)
        _ = try life(operation)
    }

    /// Time to live, ms, as scripts take it: empty for none.
    func life(_ operation: String) throws(CacheError) -> String {
        try ttl.milliseconds(default: .never, operation: operation).map { String($0) } ?? ""
    }

    func memory(_ operation: String) throws(CacheError) -> Int64 {
        try requestMemory.cacheMilliseconds("the memory of requests", operation: operation)
    }
}
