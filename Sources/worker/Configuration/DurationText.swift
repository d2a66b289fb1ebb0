/// Durations as people write them in a configuration: digits and one unit, `250ms`, `30s`, `5m`, `1h`, `7d`.
enum DurationText {
    static let form = "digits and one of ms, s, m, h, d, such as 250ms, 30s, 5m, 1h"

    /// nil when the text has another form or is too large to count in milliseconds.
    static func parse(_ text: String) -> Duration? {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        guard let count = Int64(digits), let unit = millisecondsPerUnit[String(text.dropFirst(digits.count))] else {
            return nil
        }
        let (milliseconds, overflow) = count.multipliedReportingOverflow(by: unit)
        return overflow ? nil : .milliseconds(milliseconds)
    }

    /// The shortest text that reads back as the same duration, in whole milliseconds.
    static func text(_ duration: Duration) -> String {
        let milliseconds = duration.wholeMilliseconds
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

extension Duration {
    /// Cut to milliseconds; durations here are far below the 292 million years at which this would overflow.
    var wholeMilliseconds: Int64 {
        components.seconds * 1_000 + components.attoseconds / 1_000_000_000_000_000
    }

    /// As seconds with a fraction, for display and JSON.
    var inSeconds: Double { Double(components.seconds) + Double(components.attoseconds) / 1e18 }
}
