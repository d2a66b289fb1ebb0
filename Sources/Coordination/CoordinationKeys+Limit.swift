import RedisCore

/// How a limiter's records are called; see ``LimitScripts`` for what is in them.
///
/// The parameters of a rule are part of its record's key. So no record can be read with other parameters than it was
/// written with, and the hot path compares nothing. A limiter whose rules change starts counting afresh.
struct LimitKeys: Sendable, Hashable {
    /// `app:limit:{` and, for each rule, `}:name:log-100-60000`.
    ///
    /// With a rule for all keys, the limiter's name is the hash tag instead: `app:limits:{name}:` and
    /// `:log-100-60000`; a script's keys lie in one slot either way.
    let starts: [String]
    let ends: [String]
    /// Whether the key a caller names stands in each of them.
    let takesName: [Bool]
    /// Where limiters of this name announce their rules; nil without a name.
    let announcement: String?

    init(_ configuration: RedisConfiguration, name: String, rules: [RateLimit]) throws(CoordinationError) {
        let prefix = configuration.prefix.isEmpty ? "" : configuration.prefix + ":"
        if !name.isEmpty { try CoordinationKeys.check(name, "a limiter's name") }
        let escaped = CoordinationKeys.escaped(name)
        let isGrouped = rules.contains { $0.scope == .allKeys }
        guard !isGrouped || !name.isEmpty else {
            throw CoordinationError(
                .invalidArgument, operation: "limit", message: "a limiter with a rule for all keys needs a name")
        }
        announcement = name.isEmpty ? nil : "\(prefix)limits:{\(escaped)}"
        takesName = rules.map { $0.scope == .eachKey }
        let owner = name.isEmpty ? "}:" : "}:\(escaped):"
        starts = rules.map { rule in
            guard isGrouped else { return "\(prefix)limit:{" }
            return "\(prefix)limits:{\(escaped)}:" + (rule.scope == .allKeys ? ":\(rule.spec)" : "")
        }
        ends = rules.map { rule in
            guard isGrouped else { return owner + rule.spec }
            return rule.scope == .allKeys ? "" : ":\(rule.spec)"
        }
    }

    /// The records of one key, in the order of the rules; `key` is escaped.
    func records(_ key: String) -> [RedisKey] {
        starts.indices.map { RedisKey(starts[$0] + (takesName[$0] ? key : "") + ends[$0]) }
    }

    /// Checks and escapes a caller's key.
    static func escaped(_ key: String) throws(CoordinationError) -> String {
        try CoordinationKeys.check(key, "a limiter's key")
        return CoordinationKeys.escaped(key)
    }
}
