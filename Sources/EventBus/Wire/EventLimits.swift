/// What a message may cost before it is decoded; it comes from the network and is not trusted.
public struct EventLimits: Sendable, Hashable {
    /// Largest envelope in bytes, 1 or more; a larger one is counted as too large and not looked into.
    public var maxSize: Int
    /// Deepest nesting of arrays and objects, the envelope's own included: 1...512, what `JSONDecoder` can read.
    public var maxDepth: Int

    /// 1 MiB and 512 levels unless told otherwise.
    public init(maxSize: Int = 1_048_576, maxDepth: Int = 512) {
        self.maxSize = maxSize
        self.maxDepth = maxDepth
    }

    func validate(operation: String) throws(EventBusError) {
        guard maxSize >= 1 else {
            throw EventBusError(
                .invalidArgument, operation: operation, message: "limits.maxSize is \(maxSize); use 1 byte or more")
        }
        guard (1...512).contains(maxDepth) else {
            throw EventBusError(
                .invalidArgument, operation: operation, message: "limits.maxDepth is \(maxDepth); use 1...512")
        }
    }
}
