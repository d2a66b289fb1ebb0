/// Durations as people write them in a configuration: digits and one unit, `250ms`, `30s`, `5m`, `1h`, `7d`.
///
/// Strict: no sign, no space, no fraction, no second unit. (``DurationParser`` reads Go's form, for settings that come
/// from Go programs.)
package enum DurationText {
    /// What to write, for error messages.
    package static let form = "digits and one of ms, s, m, h, d, such as 250ms, 30s, 5m, 1h"

    /// nil when the text has another form or is too large to count in milliseconds.
    package static func parse(_ text: String) -> Duration? {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        guard let count = Int64(digits), let unit = millisecondsPerUnit[String(text.dropFirst(digits.count))] else {
            return nil
        }
        let (milliseconds, overflow) = count.multipliedReportingOverflow(by: unit)
        return overflow ? nil : .milliseconds(milliseconds)
    }

    /// The shortest text that reads back as the same duration, cut to milliseconds.
    package static func text(_ duration: Duration) -> String {
        let (seconds, attoseconds) = duration.components
        let milliseconds = seconds * 1_000 + attoseconds / 1_000_000_000_000_000
        for (unit, size) in [("h", Int64(3_600_000)), ("m", 60_000), ("s", 1_000)]
        where milliseconds != 0 && milliseconds.isMultiple(of: size) {
            return "\(milliseconds / size)\(unit)"
        }
        return "\(milliseconds)ms"
    }

    private static let millisecondsPerUnit: [String: Int64] = [
        "ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000,
    ]
}
