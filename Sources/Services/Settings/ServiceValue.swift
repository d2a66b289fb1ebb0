import Yams

/// A setting given by a program instead of a file: write it as a literal.
///
/// ```swift
/// try registry.create("cache", type: "kvstore_redis", config: ["addr": "localhost:6379", "db": 0, "prefix": "myapp"])
/// ```
///
/// Settings are read as those of a file, but for variables: `${NAME}` is text here.
public enum ServiceValue: Sendable, Hashable {
    /// Text.
    case text(String)
    /// A whole number.
    case integer(Int)
    /// A number with a fraction.
    case number(Double)
    /// True or false.
    case flag(Bool)
    /// Several values.
    case list([ServiceValue])
    /// Values by their keys.
    case map([String: ServiceValue])
}

extension ServiceValue: ExpressibleByStringLiteral, ExpressibleByStringInterpolation, ExpressibleByIntegerLiteral,
    ExpressibleByFloatLiteral, ExpressibleByBooleanLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    /// Text.
    public init(stringLiteral value: String) { self = .text(value) }
    /// A whole number.
    public init(integerLiteral value: Int) { self = .integer(value) }
    /// A number with a fraction.
    public init(floatLiteral value: Double) { self = .number(value) }
    /// True or false.
    public init(booleanLiteral value: Bool) { self = .flag(value) }
    /// Several values.
    public init(arrayLiteral elements: ServiceValue...) { self = .list(elements) }
    /// Values by their keys; of a key given twice the last one counts.
    public init(dictionaryLiteral elements: (String, ServiceValue)...) {
        self = .map(Dictionary(elements) { $1 })
    }
}

extension ServiceValue {
    /// The node that a file would have, without a place; keys are sorted, so that the same mistakes read the same.
    var node: Node {
        switch self {
        case .text(let text): Node(text, Tag(.str), .doubleQuoted)
        case .integer(let number): Node(String(number), Tag(.int), .plain)
        case .number(let number): Node("\(number)", Tag(.float), .plain)
        case .flag(let flag): Node(flag ? "true" : "false", Tag(.bool), .plain)
        case .list(let values): Node(values.map(\.node))
        case .map(let values):
            Node(values.sorted { $0.key < $1.key }.map { (Node($0.key, Tag(.str), .doubleQuoted), $0.value.node) })
        }
    }
}
