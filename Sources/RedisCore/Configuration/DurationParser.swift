/// Reads durations as Go writes them: `500ms`, `3s`, `1m30s`, `1.5h`; strictly.
///
/// Stricter than Go's `time.ParseDuration`: no sign, each unit at most once and in falling order, nothing below a
/// nanosecond, nothing that Go's 64 bits of nanoseconds (292 years) cannot hold.
package enum DurationParser {
    /// What to write, for error messages.
    package static let expectation = "a duration such as 500ms, 3s or 1m30s"

    /// The duration, or nil when the text is not one.
    package static func parse(_ text: String) -> Duration? {
        if text == "0" { return .zero }
        var rest = Substring(text)
        var total: Int64 = 0
        var previous = Int64.max
        while !rest.isEmpty {
            let number = rest.prefix { isDigit($0) || $0 == "." }
            rest = rest[number.endIndex...]
            let unit = rest.prefix { !isDigit($0) && $0 != "." }
            rest = rest[unit.endIndex...]
            guard let size = units[String(unit)], size < previous, let part = nanoseconds(number, unit: size) else {
                return nil
            }
            previous = size
            let (sum, overflow) = total.addingReportingOverflow(part)
            guard !overflow else { return nil }
            total = sum
        }
        return text.isEmpty ? nil : .nanoseconds(total)
    }

    /// The µ of a keyboard (U+00B5) and the Greek letter (U+03BC) are both in use.
    private static let units: [String: Int64] = [
        "ns": 1, "us": 1_000, "\u{B5}s": 1_000, "\u{3BC}s": 1_000, "ms": 1_000_000, "s": 1_000_000_000,
        "m": 60_000_000_000, "h": 3_600_000_000_000,
    ]

    /// `12`, `1.5` or `.5` times a unit; nil when it is no number, too large, or finer than a nanosecond.
    private static func nanoseconds(_ number: Substring, unit: Int64) -> Int64? {
        let parts = number.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count <= 2, parts.contains(where: { !$0.isEmpty }) else { return nil }
        let whole = parts[0].isEmpty ? 0 : Int64(parts[0])
        guard let whole, case let (product, false) = whole.multipliedReportingOverflow(by: unit) else { return nil }
        guard parts.count == 2 else { return product }
        let digits = parts[1]
        guard digits.count <= 13, let numerator = digits.isEmpty ? 0 : Int64(digits) else { return nil }
        let denominator = digits.reduce(Int64(1)) { scale, _ in scale * 10 }
        let (scaled, tooFine) = Int128(numerator).multipliedReportingOverflow(by: Int128(unit))
        guard !tooFine, scaled % Int128(denominator) == 0 else { return nil }
        let (sum, overflow) = product.addingReportingOverflow(Int64(scaled / Int128(denominator)))
        return overflow ? nil : sum
    }

    private static func isDigit(_ character: Character) -> Bool { ("0"..."9").contains(character) }
}
