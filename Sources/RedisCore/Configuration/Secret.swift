/// A string that never prints itself: not in logs, not in errors, not in a debugger's or a test's dump.
public struct Secret: Sendable, Hashable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package let value: String
    /// Hides a value.
    public init(_ value: String) { self.value = value }
    /// Always `<secret>`.
    public var description: String { "<secret>" }
    /// Always `<secret>`.
    public var debugDescription: String { "<secret>" }
    /// Nothing to see.
    public var customMirror: Mirror { Mirror(self, children: [:]) }
}
