import RedisCore

extension CacheKeys {
    /// A counter of a family: `‹prefix›:counter:{‹family›:‹id›}`.
    ///
    /// Colons of the family are escaped, so that no id reaches into another family.
    func counter(_ id: String, of family: String) -> RedisKey {
        RedisKey("\(start)counter:{\(KeyText.segment(family)):\(KeyText.escaped(id))}")
    }

    /// Matches the counters of a family and nothing beside them: companions do not end with a brace.
    func counters(of family: String) -> String { "\(start)counter:{\(KeyText.segment(family)):*}" }

    /// The id of a counter; nil for another key.
    func id(ofCounter key: RedisKey, in family: String) -> String? {
        let before = "\(start)counter:{\(KeyText.segment(family)):"
        guard key.name.utf8.starts(with: before.utf8), key.name.utf8.last == UInt8(ascii: "}") else { return nil }
        return String(key.name.utf8.dropFirst(before.utf8.count).dropLast()).map(KeyText.unescaped)
    }

    /// A counter's buckets of one width.
    static func buckets(of counter: RedisKey, _ unit: CounterUnit) -> RedisKey {
        RedisKey("\(counter.name):\(unit.rawValue)")
    }

    /// What a request did: one id may count and later take, and each is answered for itself.
    enum CounterMark: String { case add, take }

    /// What a request has done already, in the slot of what it changed.
    static func mark(_ mark: CounterMark, of request: String, at key: RedisKey) -> RedisKey {
        RedisKey("\(key.name):req:\(mark.rawValue):\(KeyText.escaped(request))")
    }
}
