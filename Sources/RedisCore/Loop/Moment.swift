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
package struct Moment: Comparable, Hashable, Sendable {
    /// Since an origin of the system's choice.
    @usableFromInline
    let time: Duration

    @inlinable
    init(_ time: Duration) { self.time = time }

    package static var now: Moment {
        let (seconds, nanoseconds) = reading
        return Moment(Duration(secondsComponent: seconds, attosecondsComponent: nanoseconds * 1_000_000_000))
    }

    /// The same clock as a plain number of nanoseconds, for what is decided a million times a second.
    package static var nanoseconds: Int64 {
        let (seconds, nanoseconds) = reading
        return seconds &* 1_000_000_000 &+ nanoseconds
    }

    /// A `timespec` read as the two words it is: which module declares its members differs from build to build, and
    /// the compiler refuses them when it is not the one imported.
    private static var reading: (seconds: Int64, nanoseconds: Int64) {
        var words: (Int, Int) = (0, 0)
        withUnsafeMutableBytes(of: &words) { memory in
            guard let time = memory.baseAddress?.assumingMemoryBound(to: timespec.self) else { return }
            #if canImport(Darwin)
            _ = clock_gettime(CLOCK_MONOTONIC_RAW, time)
            #else
            _ = clock_gettime(CLOCK_BOOTTIME, time)
            #endif
        }
        return (Int64(words.0), Int64(words.1))
    }

    @inlinable
    package static func + (moment: Moment, duration: Duration) -> Moment { Moment(moment.time + duration) }
    @inlinable
    package static func += (moment: inout Moment, duration: Duration) { moment = moment + duration }
    @inlinable
    package static func - (moment: Moment, duration: Duration) -> Moment { Moment(moment.time - duration) }
    @inlinable
    package static func - (later: Moment, earlier: Moment) -> Duration { later.time - earlier.time }
    @inlinable
    package static func < (one: Moment, other: Moment) -> Bool { one.time < other.time }

    /// The same moment for a user.
    package var instant: ContinuousClock.Instant { Self.origin.instant + (self - Self.origin.moment) }

    /// One moment in both notations; read once, so that equal moments are equal instants.
    private static let origin: (instant: ContinuousClock.Instant, moment: Moment) = {
        // A thread may be held up between the readings: of several, those closest together.
        let readings = (0..<8).map { _ in (before: Moment.now, instant: ContinuousClock.now, after: Moment.now) }
        let closest = readings.min { $0.after - $0.before < $1.after - $1.before } ?? readings[0]
        return (closest.instant, closest.before)
    }()
}

extension Duration {
    /// Whole nanoseconds; durations here are far below the 292 years at which this would overflow.
    @inlinable
    package var nanoseconds: Int64 { components.seconds &* 1_000_000_000 &+ components.attoseconds / 1_000_000_000 }
}
