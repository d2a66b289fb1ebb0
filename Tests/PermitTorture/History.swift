import Foundation

/// One holding of permits.
struct Tenure: Sendable {
    let id: String
    let fence: Int64
    let permits: Int
}

/// Appends one JSON line per event to a file, each in one write: a killed process leaves whole lines.
struct History: Sendable {
    private let descriptor: Int32

    init(path: String) {
        descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { fatalError("cannot write \(path): errno \(errno)") }
    }

    func write(_ kind: String, _ tenure: Tenure, at: Int64 = Self.now(), end: Int64? = nil) {
        var line = "{\"kind\":\"\(kind)\",\"lease\":\"\(tenure.id)\",\"fence\":\(tenure.fence)"
        line += ",\"permits\":\(tenure.permits),\"at\":\(at)"
        if let end { line += ",\"end\":\(end)" }
        let bytes = Array((line + "}\n").utf8)
        guard Foundation.write(descriptor, bytes, bytes.count) == bytes.count else {
            fatalError("cannot write the history: errno \(errno)")
        }
    }

    /// Nanoseconds on the clock behind `ContinuousClock`, which all processes of a machine share.
    static func now() -> Int64 {
        var time = timespec()
        #if os(Linux)
        clock_gettime(CLOCK_BOOTTIME, &time)
        #else
        clock_gettime(CLOCK_MONOTONIC_RAW, &time)
        #endif
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }

    /// An instant on that clock, or earlier when this process is stopped in between: never a later one.
    static func time(of instant: ContinuousClock.Instant) -> Int64 {
        let base = now()
        let (seconds, attoseconds) = (instant - ContinuousClock.now).components
        return base + seconds * 1_000_000_000 + attoseconds / 1_000_000_000
    }
}
