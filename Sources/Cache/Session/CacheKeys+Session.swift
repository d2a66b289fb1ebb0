import RedisCore

/// The keys of sessions: all that belongs to one user lies in one cluster slot, which the user's ids name.
struct SessionKeys: Sendable {
    /// Escaped, with its colon.
    private let start: String

    init(prefix: String) {
        let prefix = KeyText.escaped(prefix)
        start = prefix.isEmpty ? "session:" : "\(prefix):session:"
    }

    /// What counts as a session of the user.
    func index(_ tag: String) -> RedisKey { RedisKey("\(start){\(tag)}") }

    func session(_ reference: SessionReference) -> RedisKey { session(reference.tag, reference.name) }

    func session(_ tag: String, _ name: String) -> RedisKey { RedisKey("\(start){\(tag)}:\(name)") }

    /// The index of sessions that were ended together, until they are cleared away.
    func ended(_ tag: String, request: String) -> RedisKey { RedisKey("\(start){\(tag)}:ended:\(request)") }
}
