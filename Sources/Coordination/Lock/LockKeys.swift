/// How a lock's name becomes its Redis key.
///
/// Either way the key is a plain string that holds the holder's token, so programs in any language that follow the
/// common recipe (`SET key token NX PX ttl`, then compare and delete) exclude ours and are excluded by them, as long
/// as they use the same key.
public struct LockKeys: Sendable, Hashable {
    enum Style: Sendable, Hashable {
        case standard
        case plain(prefix: String)
    }

    let style: Style

    /// `{prefix}:lock:{name}` with the client's prefix, the name escaped and in braces.
    public static let standard = LockKeys(style: .standard)

    /// `prefix:name` with nothing escaped, for sharing locks with other programs; names with braces are refused.
    public static func plain(prefix: String) -> LockKeys { LockKeys(style: .plain(prefix: prefix)) }
}
