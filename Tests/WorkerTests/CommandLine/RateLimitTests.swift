import Foundation
import TestSupport
import Testing

@testable import worker

/// `rateLimit:` of a handler, with real workers.
@Suite struct RateLimitTests {
    private func configuration(_ limit: String, _ more: String = "") -> String {
        """
        redis: { url: "${REDIS_URL}" }
        worker: { name: "${NAME}", concurrency: 2, drainTimeout: 20s }
        handlers:
          - name: mail
            on: { channel: jobs }
            run: [sh, -c, 'read -r event; echo "done $ID $NAME" >>$DIR/ledger']
            environment: { ID: "{{payload.id}}" }
            rateLimit: { \(limit) }
            \(more)
        """
    }

    @Test func `what is beyond the limit is dropped, counted and logged, once in the fleet`() async throws {
        let limited = configuration(
            "limit: 3, window: 10m, key: '{{payload.user}}', excess: drop",
            "dedupe: { key: '{{payload.id}}', window: 1h }")
        try await WorkerFleet.with(["a", "b"], limited) { fleet in
            try await fleet.publish((1...8).map { "{\"id\":\($0),\"user\":\"ada\"}" } + ["{\"id\":9,\"user\":\"bob\"}"])
            try await eventually("what is admitted is done") { fleet.done.count == 4 }
            // Each worker has had every event: run, dropped, or left to the other.
            for worker in fleet.workers {
                worker.send(SIGTERM)
                #expect(try await worker.end() == 0)
            }
            #expect(fleet.done.count == 4, "three of ada's and bob's one")
            #expect(fleet.done.contains { $0.hasPrefix("done 9 ") })
            #expect(count("rate_limited", fleet) == 5, "each dropped event is dropped once")
            #expect(count("executed", fleet) == 4)
            #expect(count("duplicate", fleet) == 9)
            #expect(fleet.workers.contains { $0.errors.contains("event dropped by the rate limit") })
            let keys = try fleet.server("KEYS", "*limit:{ada}*").strings
            #expect(keys == ["signalbox:limit:{ada}:handler/mail:log-3-600000"])
        }
    }

    @Test func `what is beyond the limit waits for its turn without a slot`() async throws {
        try await WorkerFleet.with(["a"], configuration("limit: 2, window: 1s")) { fleet in
            try await fleet.publish((1...6).map { "{\"id\":\($0)}" })
            try await eventually("all are done", within: .seconds(60)) { fleet.done.count == 6 }
            fleet.workers[0].send(SIGTERM)
            #expect(try await fleet.workers[0].end() == 0)
            #expect(count("executed", fleet) == 6)
            #expect(count("rate_limited", fleet) == 0)
        }
    }

    @Test func `who would wait longer than the handler may run fails at once, and others go on waiting`() async throws {
        let short = configuration("limit: 1, window: 10m, excess: wait", "timeout: 30s")
        try await WorkerFleet.with(["a"], short) { fleet in
            try await fleet.publish(["{\"id\":1}", "{\"id\":2}"])
            try await fleet.workers[0].logs("the rate limit 1/10m would not admit it within 30s")
            fleet.workers[0].send(SIGTERM)
            #expect(try await fleet.workers[0].end() == 0)
            #expect(fleet.done.count == 1 && count("failed", fleet) == 1)
        }
    }

    @Test func `SIGTTIN tells who waits, and the drain timeout ends it`() async throws {
        let long = configuration("limit: 1, window: 1h", "timeout: 1d").replacing(
            "drainTimeout: 20s", with: "drainTimeout: 100ms")
        try await WorkerFleet.with(["a"], long) { fleet in
            try await fleet.publish(["{\"id\":1}", "{\"id\":2}"])
            try await eventually("one is done") { fleet.done.count == 1 }
            try await eventually("told") {
                fleet.workers[0].send(SIGTTIN)
                return fleet.workers[0].errors.contains("mail: job from jobs, waiting for the rate limit")
            }
            fleet.workers[0].send(SIGTERM)
            #expect(try await fleet.workers[0].end() == 70)
            #expect(count("cancelled", fleet) == 1)
        }
    }

    @Test func `the check tells what the limit is`() async throws {
        try await WorkerFleet.withFolder(configuration("limit: 600, window: 1m, key: '{{payload.user}}', excess: drop"))
        { path in
            let result = try await WorkerProcess.run(
                ["run", "--config", "\(path)/worker.yaml", "--check"],
                environment: ["REDIS_URL": "redis://localhost:1", "DIR": path, "NAME": "a"])
            #expect(result.code == 0, "\(result.errors)")
            #expect(
                result.output.contains(
                    "600 in 1m, slidingWindowBuckets of 60, key {{payload.user}}, excess drop"))
        }
    }

    /// The sum of a counter in the totals that workers log at their end.
    private func count(_ outcome: String, _ fleet: WorkerFleet) -> Int {
        fleet.workers.reduce(0) { sum, worker in
            let totals = worker.errors.split(separator: "\n").last { $0.contains("handler totals") } ?? ""
            let field = totals.split(whereSeparator: \.isWhitespace).first { $0.hasPrefix(outcome + "=") }
            return sum + (field.flatMap { Int($0.dropFirst(outcome.count + 1)) } ?? 0)
        }
    }
}
