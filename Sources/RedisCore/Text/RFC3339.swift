package import FoundationEssentials

/// Dates as in RFC 3339, section 5.6, years 1 to 9999, written by hand because a formatter costs more than the event.
///
/// The day count is Howard Hinnant's `days_from_civil` (howardhinnant.github.io/date_algorithms.html).
package enum RFC3339 {
    /// What Go's `time.Time{}` looks like: the first instant of year 1.
    package static let zeroTime = Date(
        timeIntervalSinceReferenceDate: Double((daysBeforeYear1 - daysBefore2001) * 86_400))

    private static let daysBeforeYear1 = days(year: 1, month: 1, day: 1)
    private static let daysBefore2001 = days(year: 2001, month: 1, day: 1)

    /// Days since 1970-01-01 in the proleptic Gregorian calendar.
    package static func days(year: Int, month: Int, day: Int) -> Int {
        let y = month <= 2 ? year - 1 : year
        let era = (y >= 0 ? y : y - 399) / 400
        let yearOfEra = y - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    /// The inverse of `days(year:month:day:)`.
    package static func civil(days: Int) -> (year: Int, month: Int, day: Int) {
        let z = days + 719_468
        let era = (z >= 0 ? z : z - 146_096) / 146_097
        let dayOfEra = z - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let mp = (5 * dayOfYear + 2) / 153
        let month = mp < 10 ? mp + 3 : mp - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * mp + 2) / 5 + 1)
    }

    static func daysInMonth(_ month: Int, year: Int) -> Int {
        switch month {
        case 4, 6, 9, 11: 30
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        default: 31
        }
    }
}

// MARK: - Writing

extension RFC3339 {
    /// `2025-11-21T08:53:04.123456Z`; nil outside the years 1 to 9999.
    package static func string(_ date: Date) -> String? {
        var bytes: [UInt8] = []
        return append(date, to: &bytes) ? String(decoding: bytes, as: UTF8.self) : nil
    }

    /// Appends 27 bytes, always UTC and six digits, so that texts sort as their dates do; false outside 1...9999.
    package static func append(_ date: Date, to bytes: inout [UInt8]) -> Bool {
        let micros = (date.timeIntervalSinceReferenceDate * 1_000_000).rounded()
        // Far beyond the legal years and still exact as Int; also refuses NaN.
        guard micros.magnitude < 1e18 else { return false }
        let (second, fraction) = Int(micros).flooredDivision(by: 1_000_000)
        let (day, time) = second.flooredDivision(by: 86_400)
        let (year, month, dayOfMonth) = civil(days: day + daysBefore2001)
        guard (1...9999).contains(year) else { return false }
        append(year, 4, "-", to: &bytes)
        append(month, 2, "-", to: &bytes)
        append(dayOfMonth, 2, "T", to: &bytes)
        append(time / 3_600, 2, ":", to: &bytes)
        append(time / 60 % 60, 2, ":", to: &bytes)
        append(time % 60, 2, ".", to: &bytes)
        append(fraction, 6, "Z", to: &bytes)
        return true
    }

    private static func append(_ value: Int, _ width: Int, _ end: Unicode.Scalar, to bytes: inout [UInt8]) {
        var divisor = width == 2 ? 10 : width == 4 ? 1_000 : 100_000
        while divisor > 0 {
            bytes.append(UInt8(truncatingIfNeeded: 48 + value / divisor % 10))
            divisor /= 10
        }
        bytes.append(UInt8(ascii: end))
    }
}

// MARK: - Reading

extension RFC3339 {
    /// Reads a date; nil when it is none.
    package static func parse(_ text: String) -> Date? {
        parse(text.utf8Span.span)
    }

    /// Reads a date like `2025-11-21T08:53:04.123456789+07:00`; nil when it is none.
    ///
    /// Any number of fraction digits (nine count), `Z` or an offset, and a leap second, which counts as the second
    /// after it.
    package static func parse(_ text: Span<UInt8>) -> Date? {
        var cursor = Cursor(index: 0)
        guard let year = cursor.number(4, text), year >= 1, cursor.skip("-", text),
            let month = cursor.number(2, text), (1...12).contains(month), cursor.skip("-", text),
            let day = cursor.number(2, text), day >= 1, day <= daysInMonth(month, year: year),
            cursor.skip("T", text) || cursor.skip("t", text),
            let hour = cursor.number(2, text), hour < 24, cursor.skip(":", text),
            let minute = cursor.number(2, text), minute < 60, cursor.skip(":", text),
            let second = cursor.number(2, text), second <= 60,
            let nanos = cursor.fraction(text), let offset = cursor.offset(text), cursor.index == text.count
        else { return nil }
        let dayCount = days(year: year, month: month, day: day) - daysBefore2001
        let seconds = dayCount * 86_400 + hour * 3_600 + minute * 60 + second - offset
        return Date(timeIntervalSinceReferenceDate: Double(seconds) + Double(nanos) / 1e9)
    }

    private struct Cursor {
        var index: Int

        mutating func skip(_ character: Unicode.Scalar, _ text: Span<UInt8>) -> Bool {
            guard index < text.count, text[index] == UInt8(ascii: character) else { return false }
            index += 1
            return true
        }

        mutating func number(_ width: Int, _ text: Span<UInt8>) -> Int? {
            guard index + width <= text.count else { return nil }
            var value = 0
            for _ in 0..<width {
                guard case 48...57 = text[index] else { return nil }
                value = value * 10 + Int(text[index] - 48)
                index += 1
            }
            return value
        }

        /// Nanoseconds; 0 when there is no fraction, nil when a point has no digit after it.
        mutating func fraction(_ text: Span<UInt8>) -> Int? {
            guard skip(".", text) else { return 0 }
            var value = 0
            var scale = 100_000_000
            let start = index
            while index < text.count, case 48...57 = text[index] {
                value += Int(text[index] - 48) * scale
                scale /= 10
                index += 1
            }
            return index > start ? value : nil
        }

        /// Seconds east of Greenwich.
        mutating func offset(_ text: Span<UInt8>) -> Int? {
            if skip("Z", text) || skip("z", text) { return 0 }
            let sign = skip("+", text) ? 1 : skip("-", text) ? -1 : 0
            guard sign != 0, let hours = number(2, text), hours < 24, skip(":", text),
                let minutes = number(2, text), minutes < 60
            else { return nil }
            return sign * (hours * 3_600 + minutes * 60)
        }
    }
}

extension Int {
    /// Quotient rounded down and a remainder that is never negative.
    fileprivate func flooredDivision(by divisor: Int) -> (quotient: Int, remainder: Int) {
        let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
    }
}
