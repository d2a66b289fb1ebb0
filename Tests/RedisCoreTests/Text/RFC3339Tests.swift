import Foundation
import Testing

@testable import RedisCore

@Suite("RFC 3339 dates")
struct RFC3339Tests {
    @Test(arguments: [
        ("1970-01-01T00:00:00Z", 0),
        ("2000-02-29T12:00:00Z", 951_825_600),
        ("2024-02-29T23:59:59Z", 1_709_251_199),
        ("1900-03-01T00:00:00Z", -2_203_891_200),
        ("2100-02-28T00:00:00Z", 4_107_456_000),
        ("9999-12-31T23:59:59Z", 253_402_300_799),
        ("0001-01-01T00:00:00Z", -62_135_596_800),
        ("2025-11-21T08:53:04+07:00", 1_763_689_984),
        ("2025-11-21T08:53:04-03:30", 1_763_727_784),
        ("2025-01-01T00:30:00+05:45", 1_735_670_700),
        ("2025-11-21t08:53:04z", 1_763_715_184),
        ("2016-12-31T23:59:60Z", 1_483_228_800),
    ])
    func `a date is read as the same second`(_ text: String, _ seconds: Double) throws {
        #expect(try #require(RFC3339.parse(text)).timeIntervalSince1970 == seconds)
    }

    @Test(arguments: [
        ("2025-11-21T08:53:04.5Z", 0.5),
        ("2025-11-21T08:53:04.123456789Z", 0.123456789),
        ("2025-11-21T08:53:04.1234567891234567890123456789Z", 0.123456789),
        ("2025-11-21T08:53:04.000000001+07:00", 0.000000001),
    ])
    func `fractions of any length are read to the nanosecond that a Date can hold`(
        _ text: String, _ fraction: Double
    ) throws {
        let date = try #require(RFC3339.parse(text))
        let whole = date.timeIntervalSinceReferenceDate.rounded(.down)
        #expect(abs(date.timeIntervalSinceReferenceDate - whole - fraction) < 2e-7)
    }

    @Test(arguments: [
        "", "2025-11-21", "2025-11-21T08:53:04", "2025-11-21T08:53:04.Z", "2025-11-21 08:53:04Z",
        "2025-13-01T00:00:00Z", "2025-00-01T00:00:00Z", "2025-02-29T00:00:00Z", "1900-02-29T00:00:00Z",
        "2025-04-31T00:00:00Z", "2025-11-00T00:00:00Z", "2025-11-21T24:00:00Z", "2025-11-21T08:60:00Z",
        "2025-11-21T08:53:61Z", "0000-01-01T00:00:00Z", "2025-11-21T08:53:04+24:00", "2025-11-21T08:53:04+0700",
        "2025-11-21T08:53:04+07", "2025-11-21T08:53:04Zx", "２025-11-21T08:53:04Z", "-025-11-21T08:53:04Z",
        "2025-11-21T08:53:04+07:60", "20251121T085304Z",
    ])
    func `what is no date is refused`(_ text: String) {
        #expect(RFC3339.parse(text) == nil)
    }

    @Test func `a date is written in UTC with six digits`() {
        #expect(RFC3339.string(Date(timeIntervalSince1970: 0)) == "1970-01-01T00:00:00.000000Z")
        #expect(RFC3339.string(Date(timeIntervalSince1970: 1_709_251_199.999999)) == "2024-02-29T23:59:59.999999Z")
        #expect(RFC3339.string(Date(timeIntervalSince1970: -0.5)) == "1969-12-31T23:59:59.500000Z")
        #expect(RFC3339.string(RFC3339.zeroTime) == "0001-01-01T00:00:00.000000Z")
    }

    @Test(arguments: [-62_135_596_801, 253_402_300_800, 1e300, -.infinity, .nan])
    func `a date outside the years 1 to 9999 cannot be written`(_ seconds: Double) {
        #expect(RFC3339.string(Date(timeIntervalSince1970: seconds)) == nil)
    }

    @Test func `every day from year 1 to 9999 survives the way to text and back`() throws {
        // A step of 12,345 s is coprime to the day's length in minutes, so all hours and months come up.
        var second = -62_135_596_800.0
        while second < 253_402_300_800 {
            let date = Date(timeIntervalSince1970: second)
            let text = try #require(RFC3339.string(date))
            #expect(RFC3339.parse(text) == date)
            second += 86_400 * 37 + 12_345
        }
    }

    @Test func `civil dates agree with Foundation's calendar`() throws {
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = .gmt
        for days in stride(from: -30_000, to: 60_000, by: 17) {
            let date = Date(timeIntervalSince1970: Double(days) * 86_400)
            let parts = calendar.dateComponents([.year, .month, .day], from: date)
            let civil = RFC3339.civil(days: days)
            #expect(civil.year == parts.year && civil.month == parts.month && civil.day == parts.day)
            #expect(RFC3339.days(year: civil.year, month: civil.month, day: civil.day) == days)
        }
    }
}
