extension Locks.Renewal {
    var isAutomatic: Bool { if case .automatic = self { true } else { false } }
    var maxHold: Duration? { if case .automatic(let limit) = self { limit } else { nil } }
}
