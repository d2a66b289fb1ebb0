#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// A reading of the clock that `ContinuousClock` reads, which goes on while the machine sleeps.
///
/// `ContinuousClock.Instant` itself is opaque to the compiler: whatever contains one is copied and compared through the
/// runtime, which costs a lock cycle a tenth of its instructions.
struct Moment: Comparable, Hashable, Sendable {
    /// Since an origin of the system's choice.
    private let time: Duration

    private init(_ time: Duration) { self.time = time }

    static var now: Moment {
        var reading = timespec()
        #if canImport(Darwin)
        clock_gettime(CLOCK_MONOTONIC_RAW, &reading)
        #else
        clock_gettime(CLOCK_BOOTTIME, &reading)
        #endif
        return Moment(
            Duration(
                secondsComponent: Int64(reading.tv_sec), attosecondsComponent: Int64(reading.tv_nsec) * 1_000_000_000))
    }

    static func + (moment: Moment, duration: Duration) -> Moment { Moment(moment.time + duration) }
    static func += (moment: inout Moment, duration: Duration) { moment = moment + duration }
    static func - (moment: Moment, duration: Duration) -> Moment { Moment(moment.time - duration) }
    static func - (later: Moment, earlier: Moment) -> Duration { later.time - earlier.time }
    static func < (one: Moment, other: Moment) -> Bool { one.time < other.time }

    /// The same moment for a user.
    var instant: ContinuousClock.Instant { Self.origin.instant + (self - Self.origin.moment) }

    /// One moment in both notations; read once, so that equal moments are equal instants.
    private static let origin = (instant: ContinuousClock.now, moment: Moment.now)
}
