#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Nanoseconds that go on while the machine sleeps: the clock behind `ContinuousClock`, read in half the time.
enum LimitClock {
    static func now() -> Int64 {
        #if canImport(Glibc) || canImport(Musl)
        var time = timespec()
        clock_gettime(CLOCK_BOOTTIME, &time)
        return Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec)
        #else
        return (ContinuousClock.now - start).nanoseconds
        #endif
    }

    #if !(canImport(Glibc) || canImport(Musl))
    private static let start = ContinuousClock.now - .seconds(1)
    #endif
}

extension Duration {
    /// Whole nanoseconds; durations here are far below the 292 years at which this would overflow.
    var nanoseconds: Int64 { components.seconds &* 1_000_000_000 &+ components.attoseconds / 1_000_000_000 }
}
