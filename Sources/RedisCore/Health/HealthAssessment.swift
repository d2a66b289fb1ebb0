/// The rules by which figures become a verdict: pure, so that each rule is tested alone.
///
/// | finding | degraded | unhealthy |
/// |---|---|---|
/// | PING | round trip above 100 ms | not answered, or answered with an error |
/// | server loads its data set | | yes |
/// | append-only file cannot be written | | yes: writes are refused |
/// | last snapshot failed | yes: writes may be refused | |
/// | memory, policy `noeviction` | above 80 %, again above 95 % of `maxmemory` | at 100 %: writes are refused |
/// | memory, evicting policy | above 95 %: locks and sessions may be evicted | |
/// | replica | yes: writes are refused; and when its master is lost | |
/// | clients | above 90 % of `maxclients` | |
/// | loop lag | above 200 ms | |
/// | subscriber's heartbeat | older than 2 periods | |
/// | INFO | not answered | |
enum HealthAssessment {
    static let slowPing = Duration.milliseconds(100)
    static let highLoopLag = Duration.milliseconds(200)
    static let warningMemoryShare = 0.80
    static let criticalMemoryShare = 0.95
    static let warningClientShare = 0.90
    static let missedHeartbeats = 2

    /// What the client knows without asking the server.
    struct LocalFacts: Sendable {
        var loopLag: Duration = .zero
        var subscriberHeartbeatAge: Duration?
        var heartbeatPeriod: Duration = .seconds(5)
        var reconnects = 0
    }

    /// Turns the outcome of a PING and of an INFO, and what is known locally, into a verdict.
    static func assess(
        ping: Result<Duration, RedisError>, info: Result<ServerInfo, RedisError>, local: LocalFacts
    ) -> RedisHealth {
        var findings = Findings()
        judge(ping, &findings)
        let server = try? info.get()
        if let server {
            judgeService(server, &findings)
            judgeMemory(server, &findings)
            judgeClients(server, &findings)
        } else if case .success = ping, case .failure(let error) = info, error.code != .noPermission {
            findings.degraded("INFO was not answered, so memory, role and persistence are unknown: \(error.message)")
        }
        judgeLocal(local, &findings)
        return RedisHealth(
            status: findings.status, reasons: findings.reasons, latency: try? ping.get(), version: server?.version,
            role: server?.role, connectedClients: server?.integer("connected_clients"),
            usedMemory: server?.integer("used_memory"), usedMemoryHuman: server?["used_memory_human"],
            residentMemory: server?.integer("used_memory_rss"), maxMemory: server?.integer("maxmemory"),
            evictionPolicy: server?["maxmemory_policy"], evictedKeys: server?.integer("evicted_keys"),
            replicationLag: server?.replicationLag, loopLag: local.loopLag,
            subscriberHeartbeatAge: local.subscriberHeartbeatAge, reconnects: local.reconnects)
    }

    private struct Findings {
        private var grave: [String] = []
        private var light: [String] = []

        mutating func unhealthy(_ reason: String) { grave.append(reason) }
        mutating func degraded(_ reason: String) { light.append(reason) }

        var reasons: [String] { grave + light }
        var status: RedisHealth.Status { !grave.isEmpty ? .unhealthy : !light.isEmpty ? .degraded : .healthy }
    }

    private static func judge(_ ping: Result<Duration, RedisError>, _ findings: inout Findings) {
        switch ping {
        case .success(let latency) where latency > slowPing:
            findings.degraded("a PING took \(latency.rounded), more than \(slowPing.rounded)")
        case .success: break
        case .failure(let error):
            let beneath = (error.underlying as? RedisError).map { ": \($0.message)" } ?? ""
            findings.unhealthy(error.message + beneath)
        }
    }

    private static func judgeService(_ server: ServerInfo, _ findings: inout Findings) {
        if server.isLoading == true { findings.unhealthy("the server is reading its data set from disk") }
        if server.flag("aof_last_write_status") == false {
            findings.unhealthy("the server cannot write its append-only file and refuses writes; see its disk and log")
        }
        if server.flag("rdb_last_bgsave_status") == false {
            findings.degraded(
                "the last snapshot failed, so writes may be refused (stop-writes-on-bgsave-error); see its disk")
        }
        guard server.role == "slave" else { return }
        findings.degraded("the server is a replica and refuses writes; connect to its master")
        if server.flag("master_link_status") == false {
            findings.degraded("the replica has lost its master, so what it answers may be old")
        }
    }

    private static func judgeMemory(_ server: ServerInfo, _ findings: inout Findings) {
        guard let used = server.integer("used_memory"), let limit = server.integer("maxmemory"), limit > 0 else {
            return
        }
        let share = Double(used) / Double(limit)
        let percent = "\(Int((share * 100).rounded(.down))) % of maxmemory are used"
        let policy = server["maxmemory_policy"] ?? "noeviction"
        if policy != "noeviction" {
            guard share > criticalMemoryShare else { return }
            findings.degraded("\(percent); by \(policy) the server evicts keys, locks and sessions among them")
        } else if share >= 1 {
            findings.unhealthy("\(percent) and the policy is noeviction: writes are refused")
        } else if share > criticalMemoryShare {
            findings.degraded("\(percent) and the policy is noeviction: writes will soon be refused")
        } else if share > warningMemoryShare {
            findings.degraded("\(percent)")
        }
    }

    private static func judgeClients(_ server: ServerInfo, _ findings: inout Findings) {
        guard let clients = server.integer("connected_clients"), let limit = server.integer("maxclients"), limit > 0,
            Double(clients) > warningClientShare * Double(limit)
        else { return }
        findings.degraded("\(clients) of \(limit) possible clients are connected (maxclients)")
    }

    private static func judgeLocal(_ local: LocalFacts, _ findings: inout Findings) {
        if local.loopLag > highLoopLag {
            findings.degraded("the event loop was late by \(local.loopLag.rounded); is long work done on it?")
        }
        if let age = local.subscriberHeartbeatAge, age > local.heartbeatPeriod * missedHeartbeats {
            findings.degraded(
                "the subscriber's last heartbeat came back \(age.rounded) ago, so subscriptions may be deaf")
        }
    }
}

extension Duration {
    var inMilliseconds: Double {
        Double(components.seconds) * 1_000 + Double(components.attoseconds) / 1e15
    }

    /// `1.5 s`, `12 ms`, `0.3 ms`: for sentences.
    fileprivate var rounded: String {
        let milliseconds = inMilliseconds
        if milliseconds >= 1_000 { return "\((milliseconds / 100).rounded() / 10) s" }
        return milliseconds >= 10 ? "\(Int(milliseconds.rounded())) ms" : "\((milliseconds * 10).rounded() / 10) ms"
    }
}
