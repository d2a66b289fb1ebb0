import Foundation
import RedisCore

/// Where one of several processes appends what it believes, each line in one write: a killed process leaves whole
/// lines.
public struct HistoryFile: Sendable {
    private let descriptor: Int32

    /// Creates the file unless it is there.
    public init(path: String) {
        descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { fatalError("cannot write \(path): errno \(errno)") }
    }

    /// Appends a line and its end.
    public func append(_ line: String) {
        let bytes = Array((line + "\n").utf8)
        guard write(descriptor, bytes, bytes.count) == bytes.count else {
            fatalError("cannot write the history: errno \(errno)")
        }
    }

    /// Nanoseconds on the clock behind `ContinuousClock`, which all processes of a machine share.
    public static func now() -> Int64 { Moment.nanoseconds }

    /// An instant on that clock, or earlier when this process is stopped in between: never a later one.
    public static func time(of instant: ContinuousClock.Instant) -> Int64 {
        let base = now()
        return base + (instant - ContinuousClock.now).nanoseconds
    }
}
