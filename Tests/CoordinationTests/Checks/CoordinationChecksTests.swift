import RedisCore
import TestSupport
import Testing

@testable import Coordination

@Suite struct CoordinationChecksTests {
    /// A process that is held up between its two clocks takes that for an offset of the server's.
    private let patience = Duration.seconds(600)

    @Test func `a server without persistence is a warning, and refused when asked to`() async throws {
        try await withRedis { _, redis in
            let checks = CoordinationChecks(redis, clockThreshold: patience)
            let findings = try await checks.apply(.warn)
            #expect(findings.map(\.code) == [.noPersistence])
            let error = await expectError(.unsuitableServer) { try await checks.apply(.refuse) }
            #expect(error?.message.contains("appendonly yes") == true)
            let off = try await checks.apply(.off)
            #expect(off == [])
        }
    }

    @Test func `a good server is not refused`() async throws {
        try await withRedis(.init(persistent: true, checksLeaks: true)) { _, redis in
            let findings = try await CoordinationChecks(redis, clockThreshold: patience).apply(.refuse)
            #expect(findings == [])
        }
    }

    @Test func `a replica is found`() async throws {
        try await withRedis { server, redis in
            try server("REPLICAOF", "127.0.0.1", "1")
            let findings = try await CoordinationChecks(redis).findings()
            #expect(findings.contains { $0.code == .replica })
            try server("REPLICAOF", "NO", "ONE")
        }
    }

    @Test func `an ACL that hides the settings hides no more than those`() async throws {
        try await withRedis { server, redis in
            try server("ACL", "SETUSER", "default", "-config")
            let findings = try await CoordinationChecks(redis, clockThreshold: patience).findings()
            #expect(findings == [])
        }
    }

    @Test func `the first use of a client looks once, unless somebody has or does not want to`() async throws {
        try await withRedis { server, redis in
            let engine = CoordinationEngine.of(redis)
            for _ in 0..<3 { try await Semaphores(redis).acquire("a", limit: 1).release() }
            try await eventually("looked") { engine.policyCheck.findings != nil }
            #expect(try server.calls(of: "config|get") == 2, "one look reads two settings")
            try await withClient(server.configuration) { other in
                try await CoordinationChecks(other).apply(.off)
                try await Semaphores(other).acquire("a", limit: 1).release()
                #expect(CoordinationEngine.of(other).policyCheck.findings == nil)
            }
        }
    }
}
