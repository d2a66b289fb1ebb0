/// How long a value lives in Redis.
///
/// Redis counts whole milliseconds; what would be rounded to zero, and so delete the key, is refused.
public enum CacheTTL: Sendable, Hashable {
    /// As long as the cache, namespace or store says.
    case `default`
    /// Until it is deleted.
    case never
    /// That long from the moment the server writes it: 1 ms to ten years.
    case after(Duration)
}

extension CacheTTL {
    /// Far above any sensible life, far below what overflows in Redis or here.
    static let longest = Duration.seconds(10 * 365 * 86_400)

    /// Milliseconds for PX, nil for a value without an end; `fallback` stands for `.default`.
    func milliseconds(
        default fallback: CacheTTL, operation: String, what: String = "the time to live"
    ) throws(CacheError) -> Int64? {
        switch self {
        case .never: return nil
        case .after(let duration): return try duration.cacheMilliseconds(what, operation: operation)
        case .default:
            guard fallback != .default else {
                throw CacheError(
                    .invalidArgument, operation: operation,
                    message: "the default time to live is .default itself; give .never or .after(…)")
            }
            return try fallback.milliseconds(default: .never, operation: operation, what: what)
        }
    }
}

extension Duration {
    /// Whole milliseconds, 1 ms to ten years; a fraction of a millisecond is cut off.
    func cacheMilliseconds(_ what: String, operation: String) throws(CacheError) -> Int64 {
        guard self >= .milliseconds(1), self <= CacheTTL.longest else {
            throw CacheError(
                .invalidArgument, operation: operation,
                message: "\(what) is \(self); it must be between 1 ms and ten years")
        }
        return Int64(attoseconds / 1_000_000_000_000_000)
    }
}
