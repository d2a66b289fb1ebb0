/// A field's new value in ``IndexedCache/update(_:_:ttl:)``: written as a literal, or from any `Encodable`.
public enum CacheField: Sendable {
    /// JSON's null, which is a value; the field stays.
    case null
    /// True or false.
    case bool(Bool)
    /// A whole number, with all its digits.
    case integer(Int64)
    /// Any other number; must be finite.
    case number(Double)
    /// Text.
    case string(String)
    /// A list.
    case array([CacheField])
    /// An object, which replaces the old one as a whole.
    case object([String: CacheField])
    /// Anything else that can be encoded, such as a `Date`.
    case value(any Encodable & Sendable)
}

extension CacheField: Encodable {
    /// As the value itself.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .null: try container.encodeNil()
        case .bool(let value): try container.encode(value)
        case .integer(let value): try container.encode(value)
        case .number(let value): try container.encode(value)
        case .string(let value): try container.encode(value)
        case .array(let values): try container.encode(values)
        case .object(let fields): try container.encode(fields)
        case .value(let value): try container.encode(value)
        }
    }
}

extension CacheField: ExpressibleByNilLiteral, ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral,
    ExpressibleByFloatLiteral, ExpressibleByStringLiteral, ExpressibleByStringInterpolation,
    ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    /// Null.
    public init(nilLiteral: ()) { self = .null }
    /// True or false.
    public init(booleanLiteral value: Bool) { self = .bool(value) }
    /// A whole number.
    public init(integerLiteral value: Int64) { self = .integer(value) }
    /// A number.
    public init(floatLiteral value: Double) { self = .number(value) }
    /// Text.
    public init(stringLiteral value: String) { self = .string(value) }
    /// A list.
    public init(arrayLiteral elements: CacheField...) { self = .array(elements) }
    /// An object; of several values under one name the last one counts.
    public init(dictionaryLiteral elements: (String, CacheField)...) {
        self = .object(Dictionary(elements, uniquingKeysWith: { _, last in last }))
    }
}
