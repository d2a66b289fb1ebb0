import RedisCore

/// The indexes of an item, as scripts and items hold them: `\1name\2value\3`, one behind the other.
///
/// Names and values are escaped, so none of the three marks stands in them: a pair is found by a plain search, and
/// the text of one pair is never part of another's.
struct Memberships: Sendable, Equatable {
    static let most = 16
    static let longestName = 128
    static let longestValue = 1_024

    let text: String
    /// Escaped pairs, by name.
    private let pairs: [Pair]

    private struct Pair: Sendable, Equatable {
        let name: String
        let value: String
        var text: String { "\u{1}\(name)\u{2}\(value)\u{3}" }
    }

    init(_ indexes: [String: String], operation: String) throws(CacheError) {
        guard indexes.count <= Self.most else {
            throw CacheError(
                .invalidArgument, operation: operation,
                message: "an item has \(indexes.count) indexes; it may have \(Self.most)")
        }
        var pairs: [Pair] = []
        for (name, value) in indexes.sorted(by: { $0.key < $1.key }) {
            pairs.append(try Self.pair(name, value, operation))
        }
        self.pairs = pairs
        text = pairs.map(\.text).joined()
    }

    /// One pair: what a query asks for.
    static func one(_ name: String, _ value: String, operation: String) throws(CacheError) -> Memberships {
        try Memberships([name: value], operation: operation)
    }

    func keys(_ keys: IndexedKeys) -> [RedisKey] { pairs.map { keys.index($0.name, $0.value) } }

    private static func pair(_ name: String, _ value: String, _ operation: String) throws(CacheError) -> Pair {
        try check(name, "an index's name", longestName, operation)
        try check(value, "an index's value", longestValue, operation)
        return Pair(name: KeyText.segment(name), value: KeyText.segment(value))
    }

    private static func check(
        _ text: String, _ what: String, _ longest: Int, _ operation: String
    ) throws(CacheError) {
        guard !text.isEmpty, text.utf8.count <= longest else {
            throw CacheError(
                .invalidArgument, operation: operation,
                message: "\(what) has \(text.utf8.count) bytes; it must have 1 to \(longest)")
        }
    }
}
