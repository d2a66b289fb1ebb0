/// Named settings as text, read one by one into values of a stated range; every error names the setting.
///
/// The source of the text does not matter: environment, dictionary, options of a URL. Empty means absent, as an
/// interpolated `${NAME}` without a value leaves it.
struct Settings {
    private let values: [String: String]

    init(_ values: [String: String]) { self.values = values }

    func text(_ name: String) -> String? {
        guard let value = values[name], !value.isEmpty else { return nil }
        return value
    }

    func secret(_ name: String) -> Secret? { text(name).map { Secret($0) } }

    func integer(_ name: String, in range: ClosedRange<Int>) throws(RedisError) -> Int? {
        guard let text = text(name) else { return nil }
        return try Self.integer(text, in: range, field: name)
    }

    func duration(_ name: String) throws(RedisError) -> Duration? {
        guard let text = text(name) else { return nil }
        return try Self.duration(text, field: name)
    }

    static func integer(_ text: String, in range: ClosedRange<Int>, field: String) throws(RedisError) -> Int {
        guard let value = Int(digits: text), range.contains(value) else {
            throw .configuration(
                field, is: text, expected: "a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return value
    }

    static func database(_ text: String, field: String) throws(RedisError) -> Int {
        try integer(text, in: RedisConfiguration.databases, field: field)
    }

    static func duration(_ text: String, field: String) throws(RedisError) -> Duration {
        let range = RedisConfiguration.commandTimeouts
        guard let duration = DurationParser.parse(text), range.contains(duration) else {
            throw .configuration(
                field, is: text, expected: "\(DurationParser.expectation), from \(range.bounds)")
        }
        return duration
    }
}

extension ClosedRange<Duration> {
    /// `0.001 seconds to 3600.0 seconds`, for error messages.
    var bounds: String { "\(lowerBound) to \(upperBound)" }
}
