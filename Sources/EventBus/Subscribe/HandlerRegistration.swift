/// A registered handler or hook; it stays registered until removed, whether this value is kept or not.
public struct HandlerRegistration: Sendable {
    let id: Int
    let handlers: HandlerTable

    /// Removes it: calls that have begun finish, no new one begins.
    ///
    /// Safe to call twice and while running.
    public func remove() { handlers.remove(id) }
}
