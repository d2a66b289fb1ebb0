/// What a counter can hold: `Int` or `Double`.
///
/// The type belongs to the call, not to the counter: a counter that was only ever changed by whole numbers is read as
/// either, one with a fraction as `Double` only.
public protocol CounterValue: Sendable, Hashable {
    /// The number of a text that Redis keeps; nil when it is none of this type.
    init?(counterText text: String)
    /// As Redis takes it; nil for what is no number.
    var counterText: String? { get }
}

extension Int: CounterValue {
    /// Decimal digits, perhaps after a sign.
    public init?(counterText text: String) { self.init(text) }
    /// Decimal digits.
    public var counterText: String? { String(self) }
}

extension Double: CounterValue {
    /// A finite number in decimal.
    public init?(counterText text: String) {
        guard let value = Double(text), value.isFinite else { return nil }
        self = value
    }
    /// The shortest text that reads back as the same number; nil when it is not finite.
    public var counterText: String? { isFinite ? description : nil }
}
