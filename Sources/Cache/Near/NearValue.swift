/// What the near cache keeps for a key: a decoded value, shared by all who read it.
class NearValue: @unchecked Sendable {
    // Unchecked: a class that is inherited from; neither this one nor its heirs have anything that changes.
    init() {}
}

/// A value of one type.
///
/// The type is compared by identity of its class, which costs a hundredth of a dynamic cast.
final class NearBox<Value: Sendable>: NearValue, @unchecked Sendable {
    // Unchecked: constant.
    let value: Value

    init(_ value: Value) { self.value = value }
}

/// Known to be absent.
final class NearAbsence: NearValue, @unchecked Sendable {
    // Unchecked: constant.
    static let shared = NearAbsence()
}

extension NearValue {
    /// The value, if it was stored as this type.
    @inline(__always)
    func value<Value: Sendable>(as type: Value.Type) -> Value? {
        guard Swift.type(of: self) == NearBox<Value>.self else { return nil }
        return unsafeDowncast(self, to: NearBox<Value>.self).value
    }
}
