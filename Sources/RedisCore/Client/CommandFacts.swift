/// What must be known of a command's name before it may be sent.
enum CommandFacts {
    /// Commands that change nothing, so that sending them again is harmless.
    static func isReadOnly(_ name: String) -> Bool { readOnly.contains(name.uppercased()) }

    /// Why a command may not travel on a connection that others share; nil when it may.
    static func objection(_ command: RedisCommand) -> String? {
        // XREAD and XREADGROUP block only when told to.
        if command.name.utf8.first.map({ $0 | 0x20 }) == UInt8(ascii: "x"), command.blocksOnStreams { return blocking }
        guard let first = command.name.utf8.first, suspects & (1 << (UInt64(first | 0x20) & 63)) != 0 else {
            return nil
        }
        let name = command.name.uppercased()
        return objections[families.contains(name) ? "\(name) \(command.subcommand)" : name]
    }

    private static let readOnly: Set<String> = [
        "BITCOUNT", "BITPOS", "DBSIZE", "DUMP", "ECHO", "EVALSHA_RO", "EVAL_RO", "EXISTS", "EXPIRETIME", "GEODIST",
        "GEOHASH", "GEOPOS", "GEOSEARCH", "GET", "GETBIT", "GETRANGE", "HEXISTS", "HGET", "HGETALL", "HKEYS", "HLEN",
        "HMGET", "HSCAN", "HSTRLEN", "HVALS", "INFO", "LASTSAVE", "LINDEX", "LLEN", "LPOS", "LRANGE", "MEMORY",
        "MGET", "OBJECT", "PEXPIRETIME", "PFCOUNT", "PING", "PTTL", "PUBSUB", "RANDOMKEY", "ROLE", "SCAN", "SCARD",
        "SDIFF", "SINTER", "SINTERCARD", "SISMEMBER", "SMEMBERS", "SMISMEMBER", "SSCAN", "STRLEN", "SUNION", "TIME",
        "TTL", "TYPE", "XINFO", "XLEN", "XPENDING", "XRANGE", "XREVRANGE", "ZCARD", "ZCOUNT", "ZDIFF", "ZINTER",
        "ZINTERCARD", "ZLEXCOUNT", "ZMSCORE", "ZRANGE", "ZRANGEBYLEX", "ZRANGEBYSCORE", "ZRANK", "ZREVRANGE",
        "ZREVRANK", "ZSCAN", "ZSCORE", "ZUNION",
    ]

    private static let subscriptions = "subscriptions need a connection of their own; use subscribe(channels:patterns:)"
    private static let state = "it would change the connection for everybody; set it in the configuration"
    private static let setting = "it would change the connection for everybody; use withExclusiveConnection(_:)"
    private static let transactions = "use transaction(_:) or withExclusiveConnection(_:)"
    private static let blocking = "it blocks the connection for everybody; use withExclusiveConnection(_:)"
    private static let objections: [String: String] = [
        "BLPOP": blocking, "BRPOP": blocking, "BLMOVE": blocking, "BLMPOP": blocking, "BRPOPLPUSH": blocking,
        "BZPOPMIN": blocking, "BZPOPMAX": blocking, "BZMPOP": blocking, "WAIT": blocking, "WAITAOF": blocking,
        "SUBSCRIBE": subscriptions, "PSUBSCRIBE": subscriptions, "SSUBSCRIBE": subscriptions,
        "UNSUBSCRIBE": subscriptions, "PUNSUBSCRIBE": subscriptions, "SUNSUBSCRIBE": subscriptions,
        "MONITOR": "it turns the connection into a log; use redis-cli",
        "SYNC": "it turns the connection into a replica's", "PSYNC": "it turns the connection into a replica's",
        "SELECT": state, "AUTH": state, "HELLO": state, "RESET": state, "QUIT": "use close()",
        "MULTI": transactions, "EXEC": transactions, "DISCARD": transactions, "WATCH": transactions,
        "UNWATCH": transactions,
        "CLIENT TRACKING": setting, "CLIENT CACHING": setting, "CLIENT SETNAME": setting, "CLIENT SETINFO": setting,
        "CLIENT NO-EVICT": setting, "CLIENT NO-TOUCH": setting, "READONLY": setting, "READWRITE": setting,
        "ASKING": setting,
        "CLIENT REPLY": "without replies nobody could tell whose the next one is",
        "SCRIPT DEBUG": "it turns the connection into a debugger's; use redis-cli --ldb",
    ]
    /// Commands of which only some subcommands are refused.
    private static let families: Set<String> = ["CLIENT", "SCRIPT"]
    /// First letters of the names above, one bit each: most commands are told apart without a look-up.
    private static let suspects = objections.keys.reduce(into: UInt64(0)) { bits, name in
        if let first = name.utf8.first { bits |= 1 << (UInt64(first | 0x20) & 63) }
    }

    /// The same for a connection that one caller has alone: only what hiredis or the handshake would break.
    static func exclusiveObjection(_ command: RedisCommand) -> String? {
        guard let objection = objection(command) else { return nil }
        return [transactions, blocking, setting].contains(objection) ? nil : objection
    }

    /// Whether the command leaves something on the connection that no other command takes back.
    static func changesConnection(_ command: RedisCommand) -> Bool { objection(command) == setting }
}

extension RedisCommand {
    /// Why the command may not travel on a shared connection.
    var sharedObjection: RedisError? {
        guard let objection = CommandFacts.objection(self) else { return nil }
        return RedisError(
            .invalidArgument, operation: name,
            message: "\(name) cannot be sent on a shared connection: \(objection).")
    }

    /// The first argument in upper case; empty when there is none.
    fileprivate var subcommand: String {
        // `*3`, `$6`, `CLIENT`, `$5`, `REPLY`, …
        let lines = encoder.bytes.split(separator: UInt8(ascii: "\n"), maxSplits: 5)
        return lines.count > 4 ? String(decoding: lines[4].dropLast(), as: UTF8.self).uppercased() : ""
    }

    /// Whether it is XREAD or XREADGROUP with BLOCK among its options, which end at STREAMS.
    fileprivate var blocksOnStreams: Bool {
        guard ["XREAD", "XREADGROUP"].contains(name.uppercased()) else { return false }
        for line in encoder.bytes.split(separator: UInt8(ascii: "\n")) where line.count == 6 || line.count == 8 {
            switch String(decoding: line.dropLast(), as: UTF8.self).uppercased() {
            case "BLOCK": return true
            case "STREAMS": return false
            default: continue
            }
        }
        return false
    }
}
