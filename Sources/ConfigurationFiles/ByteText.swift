/// Sizes as people write them in a configuration: digits and one unit, `512B`, `64KiB`, `1MiB`.
///
/// Strict, as durations are: no sign, no space, no fraction. `MB` is refused, as nobody knows which of two it is.
package enum ByteText {
    /// What to write, for error messages.
    package static let form = "bytes, or digits and one of B, KiB, MiB, GiB, such as 64KiB"

    /// nil when the text has another form or is too large.
    package static func parse(_ text: String) -> Int? {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        let unit = String(text.dropFirst(digits.count))
        guard let count = Int(digits), let size = unit.isEmpty ? 1 : sizes.first(where: { $0.unit == unit })?.size
        else { return nil }
        let (bytes, overflow) = count.multipliedReportingOverflow(by: size)
        return overflow ? nil : bytes
    }

    /// The shortest text that reads back as the same size.
    package static func text(_ bytes: Int) -> String {
        let fitting = sizes.first { bytes != 0 && bytes.isMultiple(of: $0.size) } ?? (unit: "B", size: 1)
        return "\(bytes / fitting.size)\(fitting.unit)"
    }

    private static let sizes: [(unit: String, size: Int)] = [
        ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1),
    ]
}
