/// A reply as read by the tests' own client.
public enum RespValue: Sendable, Hashable, ExpressibleByStringLiteral, ExpressibleByIntegerLiteral {
    /// `$-1` or `*-1`.
    case null
    /// `:42`.
    case integer(Int)
    /// `+OK`.
    case status(String)
    /// `-ERR …`.
    case error(String)
    /// A bulk string.
    case bulk([UInt8])
    /// An array.
    case array([RespValue])

    /// A bulk string, to compare with.
    public init(stringLiteral value: String) { self = .bulk(Array(value.utf8)) }
    /// An integer, to compare with.
    public init(integerLiteral value: Int) { self = .integer(value) }

    /// The text of a bulk string, status or integer.
    public var string: String? {
        switch self {
        case .bulk(let bytes): String(decoding: bytes, as: UTF8.self)
        case .status(let text): text
        case .integer(let number): String(number)
        case .null, .error, .array: nil
        }
    }

    /// An integer reply, or digits in a bulk string.
    public var int: Int? { string.flatMap { Int($0) } }

    /// The elements of an array.
    public var array: [RespValue]? {
        if case .array(let elements) = self { elements } else { nil }
    }

    /// The elements of an array as text.
    public var strings: [String] { array?.compactMap(\.string) ?? [] }
}
