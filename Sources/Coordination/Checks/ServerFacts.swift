import RedisCore

/// What the checks know of a server; nil is what it did not tell.
struct ServerFacts: Sendable, Equatable {
    var maxMemory: String?
    var evictionPolicy: String?
    var hasAppendOnlyFile: Bool?
    /// The `save` setting: empty when there are no snapshots.
    var snapshots: String?
    var fsync: String?
    var role: String?
    var clock: ClockOffset?

    /// The server's clock less this machine's.
    struct ClockOffset: Sendable, Equatable {
        var offset: Duration
        /// Half of the round trip: the offset may be that much more or less.
        var uncertainty: Duration
    }

    init() {}

    /// Reads INFO's sections; unknown fields are skipped.
    init(info: String) {
        var fields: [Substring: String] = [:]
        for line in info.split(whereSeparator: \.isNewline) {
            guard let colon = line.firstIndex(of: ":") else { continue }
            fields[line[..<colon]] = String(line[line.index(after: colon)...])
        }
        maxMemory = fields["maxmemory"]
        evictionPolicy = fields["maxmemory_policy"]
        hasAppendOnlyFile = fields["aof_enabled"].map { $0 == "1" }
        role = fields["role"]
    }

    /// Everything that endangers leases, the worst first.
    func findings(clockThreshold: Duration) -> [CoordinationFinding] {
        [eviction, persistence, replica, clockFinding(clockThreshold)].compactMap(\.self)
    }

    private var eviction: CoordinationFinding? {
        guard let evictionPolicy, evictionPolicy != "noeviction", maxMemory != "0" else { return nil }
        return CoordinationFinding(
            code: .evictionPolicy,
            evidence: "the server may evict leases when its memory is full: maxmemory-policy is \(evictionPolicy)",
            advice: "give coordination a server with noeviction")
    }

    private var persistence: CoordinationFinding? {
        if hasAppendOnlyFile == true {
            guard fsync == "no" else { return nil }
            return CoordinationFinding(
                code: .lazyFsync, evidence: "the append-only file is written when the system likes: appendfsync is no",
                advice: "set appendfsync everysec, or always for leases that must survive a power failure")
        }
        guard hasAppendOnlyFile == false, let snapshots else { return nil }
        if snapshots.isEmpty {
            return CoordinationFinding(
                code: .noPersistence,
                evidence: "a restart of the server forgets every lease: it has neither an "
                    + "append-only file nor snapshots",
                advice: "set appendonly yes, or let nothing depend on leases across its restart")
        }
        return CoordinationFinding(
            code: .snapshotsOnly,
            evidence: "a crash of the server forgets the leases since its last snapshot: it has no "
                + "append-only file",
            advice: "set appendonly yes")
    }

    private var replica: CoordinationFinding? {
        guard role == "slave" else { return nil }
        return CoordinationFinding(
            code: .replica, evidence: "the server is a replica",
            advice: "connect to its master, by a name that follows it in a failover")
    }

    /// Only what is certain in spite of the round trip.
    private func clockFinding(_ threshold: Duration) -> CoordinationFinding? {
        guard let clock else { return nil }
        let size = clock.offset < .zero ? .zero - clock.offset : clock.offset
        guard size - clock.uncertainty > threshold else { return nil }
        let direction = clock.offset < .zero ? "behind" : "ahead of"
        return CoordinationFinding(
            code: .clockOffset, evidence: "the server's clock is \(size) \(direction) this machine's",
            advice: "synchronise both; leases do not depend on it, but a clock that is set right later jumps")
    }
}
