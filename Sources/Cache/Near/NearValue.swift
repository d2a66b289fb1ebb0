/// What the near cache keeps for a key: a decoded value, shared by all who read it.
class NearValue: @unchecked Sendable {
    // Unchecked: a class that is inherited from; neither this one nor its heirs have anything that changes.

    /// What it was decoded by: readers with another schema or serializer do not take it.
    let view: UInt32
    /// The value's type; nil for "there is none".
    fileprivate let type: ObjectIdentifier?

    fileprivate init(view: UInt32, type: ObjectIdentifier?) {
        self.view = view
        self.type = type
    }
}

/// A value of one type.
final class NearBox<Value: Sendable>: NearValue, @unchecked Sendable {
    // Unchecked: constant.
    let value: Value

    init(_ value: Value, view: UInt32 = 0) {
        self.value = value
        super.init(view: view, type: ObjectIdentifier(Value.self))
    }
}

/// Known to be absent: the source has no value.
final class NearAbsence: NearValue, @unchecked Sendable {
    // Unchecked: constant.

    init(view: UInt32) { super.init(view: view, type: nil) }
}

extension NearValue {
    var isAbsence: Bool { type == nil }

    /// The value, if it was stored as this type.
    ///
    /// The type's own identity is compared: a dynamic cast, or looking up the box's class, would cost more than all the
    /// rest of a hit.
    @inline(__always)
    func value<Value: Sendable>(as type: Value.Type) -> Value? {
        guard self.type == ObjectIdentifier(Value.self) else { return nil }
        return unsafeDowncast(self, to: NearBox<Value>.self).value
    }
}
