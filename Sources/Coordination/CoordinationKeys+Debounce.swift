extension CoordinationKeys {
    /// The newest call of a debounced task, beside the task's record and in its slot.
    func pending(_ id: String) throws(CoordinationError) -> String { try once(id) + ":pending" }
}
