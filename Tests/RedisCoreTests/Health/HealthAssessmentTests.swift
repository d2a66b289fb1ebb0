import Foundation
import Testing

@testable import RedisCore

@Suite struct `The health assessment` {
    private static let fine = """
        redis_version:7.0.15
        role:master
        loading:0
        connected_clients:10
        maxclients:1000
        used_memory:50
        used_memory_human:50B
        used_memory_rss:80
        maxmemory:100
        maxmemory_policy:noeviction
        evicted_keys:3
        aof_last_write_status:ok
        rdb_last_bgsave_status:ok
        """

    private func assess(
        ping: Result<Duration, RedisError> = .success(.milliseconds(1)), changing fields: [String: String] = [:],
        local: HealthAssessment.LocalFacts = .init()
    ) -> RedisHealth {
        // The first of two equal names counts.
        let text = fields.map { "\($0):\($1)" }.joined(separator: "\n") + "\n" + Self.fine
        return HealthAssessment.assess(ping: ping, info: .success(ServerInfo(text)), local: local)
    }

    @Test func `finds nothing in a server that is well, and reports its figures`() {
        let health = assess(local: .init(loopLag: .milliseconds(2), reconnects: 4))
        #expect(health.status == .healthy)
        #expect(health.reasons.isEmpty)
        #expect(health.latency == .milliseconds(1))
        #expect(health.version == "7.0.15" && health.role == "master")
        #expect(health.connectedClients == 10 && health.evictedKeys == 3)
        #expect(health.usedMemory == 50 && health.usedMemoryHuman == "50B" && health.residentMemory == 80)
        #expect(health.maxMemory == 100 && health.evictionPolicy == "noeviction")
        #expect(health.loopLag == .milliseconds(2) && health.reconnects == 4)
        #expect(health.subscriberHeartbeatAge == nil)
    }

    @Test(arguments: [
        (["used_memory": "80"], RedisHealth.Status.healthy, ""), (["used_memory": "81"], .degraded, "81 %"),
        (["used_memory": "96"], .degraded, "soon be refused"),
        (["used_memory": "100"], .unhealthy, "writes are refused"),
        (["used_memory": "999", "maxmemory": "0"], .healthy, ""),
        (["used_memory": "95", "maxmemory_policy": "allkeys-lru"], .healthy, ""),
        (["used_memory": "96", "maxmemory_policy": "volatile-lru"], .degraded, "by volatile-lru"),
        (["used_memory": "101", "maxmemory_policy": "allkeys-lru"], .degraded, "evicts"),
        (["loading": "1"], .unhealthy, "reading its data set"), (["role": "slave"], .degraded, "replica"),
        (["role": "slave", "master_link_status": "down"], .degraded, "lost its master"),
        (["aof_last_write_status": "err"], .unhealthy, "append-only file"),
        (["rdb_last_bgsave_status": "err"], .degraded, "snapshot failed"),
        (["connected_clients": "900"], .healthy, ""), (["connected_clients": "901"], .degraded, "maxclients"),
        (["connected_clients": "nonsense", "used_memory": "x", "maxmemory": "y"], .healthy, ""),
    ])
    func `judges the server's figures`(fields: [String: String], status: RedisHealth.Status, words: String) {
        let health = assess(changing: fields)
        #expect(health.status == status)
        if !words.isEmpty { #expect(health.reasons.contains { $0.contains(words) }, "\(health.reasons)") }
    }

    @Test(arguments: [
        (HealthAssessment.LocalFacts(loopLag: .milliseconds(200)), ""),
        (.init(loopLag: .milliseconds(201)), "event loop"),
        (.init(subscriberHeartbeatAge: .seconds(10)), ""), (.init(subscriberHeartbeatAge: .seconds(11)), "heartbeat"),
        (.init(subscriberHeartbeatAge: .seconds(3), heartbeatPeriod: .seconds(1)), "heartbeat"),
    ])
    func `judges what the client knows itself`(local: HealthAssessment.LocalFacts, words: String) {
        let health = assess(local: local)
        #expect(health.status == (words.isEmpty ? .healthy : .degraded))
        #expect(words.isEmpty || health.reasons.contains { $0.contains(words) })
    }

    @Test func `judges the round trip`() {
        #expect(assess(ping: .success(.milliseconds(100))).status == .healthy)
        let slow = assess(ping: .success(.milliseconds(1_540)))
        #expect(slow.status == .degraded)
        #expect(slow.reasons == ["a PING took 1.5 s, more than 100 ms"])
    }

    @Test func `of a server that does not answer says why, and what lies beneath`() {
        let refused = RedisError(.connectFailed, operation: "connect", message: "Cannot connect to db:6379: refused")
        let late = RedisError(.timedOut, operation: "PING", message: "no answer in time", underlying: refused)
        let health = HealthAssessment.assess(ping: .failure(late), info: .failure(late), local: .init())
        #expect(health.status == .unhealthy)
        #expect(health.reasons == ["no answer in time: Cannot connect to db:6379: refused"])
        #expect(health.latency == nil && health.version == nil)
    }

    @Test func `without INFO is degraded, unless the ACL forbids it`() {
        let late = RedisError(.timedOut, operation: "INFO", message: "no answer in time")
        let forbidden = RedisError(.noPermission, operation: "INFO", message: "not allowed")
        let ping = Result<Duration, RedisError>.success(.milliseconds(1))
        #expect(HealthAssessment.assess(ping: ping, info: .failure(late), local: .init()).status == .degraded)
        #expect(HealthAssessment.assess(ping: ping, info: .failure(forbidden), local: .init()).status == .healthy)
    }

    @Test func `names the gravest finding first`() {
        let health = assess(changing: ["rdb_last_bgsave_status": "err", "aof_last_write_status": "err"])
        #expect(health.status == .unhealthy)
        #expect(health.reasons.count == 2)
        #expect(health.reasons.first?.contains("append-only") == true)
    }

    @Test func `is flat JSON, there and back`() throws {
        let health = assess(
            ping: .success(.microseconds(250)),
            local: .init(loopLag: .milliseconds(2), subscriberHeartbeatAge: .seconds(1), reconnects: 1))
        let data = try JSONEncoder().encode(health)
        #expect(try JSONDecoder().decode(RedisHealth.self, from: data) == health)
        let object = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
        #expect(object["status"] as? String == "healthy")
        #expect(object["latencyMilliseconds"] as? Double == 0.25)
        #expect(object["subscriberHeartbeatAgeMilliseconds"] as? Double == 1_000)
        #expect(object["replicationLagMilliseconds"] == nil)
    }
}
