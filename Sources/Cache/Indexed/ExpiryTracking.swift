/// Whether a namespace notes when its items end, so that an ``ExpirySweeper`` can tell somebody.
///
/// Give all writers of a namespace the same.
public struct ExpiryTracking: Sendable, Hashable {
    enum Mode: String { case off = "", keys, values }

    let mode: Mode
    /// How long an end may wait for somebody who is told; after that it is given up and counted.
    public let retention: Duration

    /// Ends are not noted; costs nothing.
    public static let off = ExpiryTracking(mode: .off, retention: defaultRetention)

    /// Ends are noted: about 100 bytes an item, two commands more inside of each write.
    ///
    /// - Parameter retention: 1 s to ten years; 7 days.
    public static func keys(retention: Duration = defaultRetention) -> ExpiryTracking {
        ExpiryTracking(mode: .keys, retention: retention)
    }

    /// Ends are noted, and handed out together with the value.
    ///
    /// Redis forgets an expired value at once, so a second copy of each is kept: **twice the memory**, until the end
    /// has been told.
    ///
    /// - Parameter retention: 1 s to ten years; 7 days.
    public static func values(retention: Duration = defaultRetention) -> ExpiryTracking {
        ExpiryTracking(mode: .values, retention: retention)
    }

    /// Seven days.
    public static let defaultRetention = Duration.seconds(7 * 86_400)

    func milliseconds() throws(CacheError) -> Int64 {
        guard retention >= .seconds(1), retention <= CacheTTL.longest else {
            throw CacheError(
                .invalidArgument, operation: "configure",
                message: "how long an end may wait is \(retention); it must be between 1 s and ten years")
        }
        return try retention.cacheMilliseconds("how long an end may wait", operation: "configure")
    }
}
