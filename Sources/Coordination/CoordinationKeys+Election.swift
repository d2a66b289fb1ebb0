import RedisCore

/// The keys of one election, all in the slot of its name.
struct ElectionKeys: Sendable {
    /// Hash: who leads.
    let leader: String
    /// Hash: the last term, and the last one that was ended by force.
    let term: String

    /// Present while the candidate may not campaign.
    func bar(_ id: String) -> String { "\(leader):bar:\(CoordinationKeys.escaped(id))" }
}

extension CoordinationKeys {
    func election(_ name: String) throws(CoordinationError) -> ElectionKeys {
        try Self.check(name, "an election's name")
        let key = electionStart + "{\(Self.escaped(name))}"
        return ElectionKeys(leader: key, term: key + ":term")
    }

    private var electionStart: String { "\(prefix)leader:" }

    /// What every leader's key matches.
    var leaderPattern: String { RedisGlob.escape(electionStart) + "{*}" }

    /// The election's name, when the key is that of a leader.
    func election(ofKey key: String) -> String? {
        let start = electionStart + "{"
        guard key.hasPrefix(start), key.hasSuffix("}") else { return nil }
        return Self.unescaped(key.dropFirst(start.count).dropLast())
    }
}
