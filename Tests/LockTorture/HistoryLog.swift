import Foundation

/// Appends one JSON line per event to a file, each in one write: a killed process leaves whole lines.
struct HistoryLog: Sendable {
    private let descriptor: Int32

    init(path: String) {
        descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { fatalError("cannot write \(path): errno \(errno)") }
    }

    /// Writes an event with the time of this call; `end` is the end of a span that began then.
    func write(
        _ kind: String, lease: String, fence: Int64, at: Int64 = Self.now(), end: Int64? = nil, accepted: Bool? = nil,
        shared: Bool = false
    ) {
        var line = "{\"kind\":\"\(kind)\",\"pid\":\(getpid()),\"lease\":\"\(lease)\",\"fence\":\(fence),\"at\":\(at)"
        if let end { line += ",\"end\":\(end)" }
        if let accepted { line += ",\"accepted\":\(accepted)" }
        if shared { line += ",\"shared\":true" }
        line += "}\n"
        let bytes = Array(line.utf8)
        let written = Foundation.write(descriptor, bytes, bytes.count)
        guard written == bytes.count else { fatalError("cannot write the history: errno \(errno)") }
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
