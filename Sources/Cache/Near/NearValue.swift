/// What the near cache keeps for a key: a decoded value, shared by all who read it.
class NearValue: @unchecked Sendable {
    // Unchecked: a class that is inherited from; neither this one nor its heirs have anything that changes.

    /// What it was decoded by: readers with another schema or serializer do not take it.
    let view: UInt32

    init(view: UInt32) { self.view = view }
}

/// A value of one type.
///
/// The type is compared by identity of its class, which costs a hundredth of a dynamic cast.
final class NearBox<Value: Sendable>: NearValue, @unchecked Sendable {
    // Unchecked: constant.
    let value: Value

    init(_ value: Value, view: UInt32 = 0) {
        self.value = value
        super.init(view: view)
    }
}

/// Known to be absent: the source has no value.
final class NearAbsence: NearValue, @unchecked Sendable {
    // Unchecked: constant.
}

extension NearValue {
    var isAbsence: Bool { Swift.type(of: self) == NearAbsence.self }

    /// The value, if it was stored as this type.
    @inline(__always)
    func value<Value: Sendable>(as type: Value.Type) -> Value? {
        guard Swift.type(of: self) == NearBox<Value>.self else { return nil }
        return unsafeDowncast(self, to: NearBox<Value>.self).value
    }
}
