import RedisCore

/// Which scores a board collects: all, or those of a day, a week or a month by the server's clock, in UTC.
public enum LeaderboardPeriod: Sendable, Hashable {
    /// One board without an end.
    case allTime
    /// A board a day, from midnight; `keep` earlier ones can be read, 1 to 400.
    case daily(keep: Int = 31)
    /// A board a week, from Monday; `keep` earlier ones can be read, 1 to 400.
    case weekly(keep: Int = 8)
    /// A board a month, from the first; `keep` earlier ones can be read, 1 to 400.
    case monthly(keep: Int = 12)

    /// Earlier windows that can be read.
    var keep: Int {
        switch self {
        case .allTime: 0
        case .daily(let keep), .weekly(let keep), .monthly(let keep): keep
        }
    }

    /// In keys.
    var name: String {
        switch self {
        case .allTime: "all"
        case .daily: "day"
        case .weekly: "week"
        case .monthly: "month"
        }
    }
}

/// One day, week or month of a board: pure arithmetic in UTC, for years that scripts can be asked about.
struct LeaderboardWindow: Sendable, Hashable {
    /// Days, weeks or months since 1970 began.
    let index: Int
    /// Server time, µs.
    let start: Int64
    /// Where the next one begins.
    let end: Int64
    /// `2026-11-21`, `2026-W47` (ISO 8601) or `2026-11`.
    let label: String

    private static let microsecondsPerDay: Int64 = 86_400_000_000
    /// The first of January 1970 was a Thursday; weeks are counted from the Monday before it.
    private static let daysSinceMonday = 3

    /// The window of a time, µs, or one that many before it; nil for all time.
    init?(at microseconds: Int64, earlier: Int = 0, of period: LeaderboardPeriod) {
        // From 1970 to 2999: a clock that is beyond is wrong, and the server says so.
        let day = Int(max(0, min(microseconds, 32_503_680_000_000_000)) / Self.microsecondsPerDay)
        let index =
            switch period {
            case .allTime: 0
            case .daily: day
            case .weekly: (day + Self.daysSinceMonday) / 7
            case .monthly: Self.month(of: RFC3339.civil(days: day))
            }
        self.init(index: index - earlier, of: period)
    }

    /// The window of a number; nil for all time.
    init?(index: Int, of period: LeaderboardPeriod) {
        switch period {
        case .allTime: return nil
        case .daily: self.init(day: index)
        case .weekly: self.init(week: index)
        case .monthly: self.init(month: index)
        }
    }

    private static func month(of date: (year: Int, month: Int, day: Int)) -> Int {
        (date.year - 1970) * 12 + date.month - 1
    }

    private init(day: Int) {
        let date = RFC3339.civil(days: day)
        self.init(
            day, from: day, to: day + 1,
            "\(Self.padded(date.year, 4))-\(Self.padded(date.month))-\(Self.padded(date.day))")
    }

    private init(week: Int) {
        let monday = week * 7 - Self.daysSinceMonday
        // A week belongs to the year of its Thursday.
        let year = RFC3339.civil(days: monday + 3).year
        let number = (monday + 3 - RFC3339.days(year: year, month: 1, day: 1)) / 7 + 1
        self.init(week, from: monday, to: monday + 7, "\(Self.padded(year, 4))-W\(Self.padded(number))")
    }

    private init(month: Int) {
        let (year, remainder) = (1970 + Self.floored(month, 12), month - Self.floored(month, 12) * 12)
        let next = (year: year + (remainder + 1) / 12, month: (remainder + 1) % 12)
        self.init(
            month, from: RFC3339.days(year: year, month: remainder + 1, day: 1),
            to: RFC3339.days(year: next.year, month: next.month + 1, day: 1),
            "\(Self.padded(year, 4))-\(Self.padded(remainder + 1))")
    }

    private init(_ index: Int, from: Int, to: Int, _ label: String) {
        self.index = index
        start = Int64(from) * Self.microsecondsPerDay
        end = Int64(to) * Self.microsecondsPerDay
        self.label = label
    }

    private static func floored(_ value: Int, _ divisor: Int) -> Int {
        value >= 0 ? value / divisor : -((-value + divisor - 1) / divisor)
    }

    private static func padded(_ value: Int, _ width: Int = 2) -> String {
        let digits = String(value)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }

    /// When the window is forgotten, ms: once it is more than `keep` windows back.
    func expiry(_ period: LeaderboardPeriod) -> Int64 {
        (LeaderboardWindow(index: index + period.keep + 1, of: period) ?? self).start / 1_000
    }
}
