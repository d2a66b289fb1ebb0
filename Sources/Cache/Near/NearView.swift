import Synchronization

/// How a cache makes values of bytes: what one view decoded is handed to callers of the same view only.
///
/// Serializers of one type of your own and one codec are taken for alike.
struct NearView: Hashable, Sendable {
    private let schema: UInt16
    private let readable: ClosedRange<UInt16>?
    private let codec: UInt8
    private let serializer: ObjectIdentifier
    /// Tells JSON serializers with coders of their own apart, which share a type and a codec.
    private let coders: UInt64

    init(_ options: CacheOptions) {
        schema = options.schema
        readable = options.readableSchemas
        codec = options.serializer.codec
        serializer = ObjectIdentifier(type(of: options.serializer))
        coders = (options.serializer as? JSONCacheSerializer)?.coders ?? 0
    }

    /// A number for it, the same each time: compared at every hit.
    var number: UInt32 {
        Self.numbers.withLock { numbers in
            if let known = numbers[self] { return known }
            let new = UInt32(truncatingIfNeeded: numbers.count + 1)
            numbers[self] = new
            return new
        }
    }

    /// As many as a program has different options.
    private static let numbers = Mutex<[NearView: UInt32]>([:])
}
