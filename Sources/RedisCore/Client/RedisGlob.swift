/// Patterns as SCAN, KEYS and PSUBSCRIBE read them.
public enum RedisGlob {
    /// A pattern that matches exactly this text: `*`, `?`, `[`, `]` and `\` get a backslash.
    ///
    /// Escape whatever comes from a user before it becomes part of a pattern; else `*` in a name matches other users'.
    ///
    /// ```swift
    /// redis.scan(match: "session:" + RedisGlob.escape(userID) + ":*")
    /// ```
    public static func escape(_ text: String) -> String {
        var scalars = String.UnicodeScalarView()
        // Scalars, not characters: a combining mark after a `*` would hide it.
        for scalar in text.unicodeScalars {
            if ["*", "?", "[", "]", "\\"].contains(scalar) { scalars.append("\\") }
            scalars.append(scalar)
        }
        return String(scalars)
    }
}
