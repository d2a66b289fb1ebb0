import Foundation
import TestSupport
import Testing

@testable import worker

/// `worker run` as its users see it: processes, signals, exit codes, and what handlers leave behind.
@Suite struct RunTests {
    /// A handler that notes its start, waits for a file, and notes its end.
    private static let patient = """
        redis: { url: "${REDIS_URL}" }
        worker: { name: "${NAME}", concurrency: 4, drainTimeout: 20s }
        handlers:
          - name: patient
            on: { channel: jobs }
            run: [sh, -c, 'read -r event; echo "start $ID $$ $NAME" >>$DIR/ledger;
              while [ ! -e $DIR/go ]; do sleep 0.02; done; echo "done $ID" >>$DIR/ledger']
            environment: { ID: "{{payload.id}}" }
            dedupe: { key: "{{payload.id}}", window: 1h, lease: 60s }
        """

    @Test func `two workers handle each event once, duplicates included`() async throws {
        try await WorkerFleet.with(["a", "b"], Self.patient) { fleet in
            fleet.go()
            let ids = (1...30).map { "{\"id\":\($0)}" }
            try await fleet.publish(ids + ids.prefix(10))
            try await eventually("all are done", within: .seconds(60)) { fleet.done.count >= 30 }
            for worker in fleet.workers {
                worker.send(SIGTERM)
                #expect(try await worker.end() == 0)
            }
            #expect(fleet.done.count == 30)
            #expect(Set(fleet.done).count == 30)
        }
    }

    @Test func `what a killed worker was doing is ended, and done by another`() async throws {
        try await WorkerFleet.with(["a", "b"], Self.patient) { fleet in
            try await fleet.publish((1...8).map { "{\"id\":\($0)}" })
            try await eventually("both are busy") { fleet.ledger.count == 8 }
            let starts = fleet.ledger.filter { $0.hasSuffix(" a") }.map { $0.split(separator: " ") }
            let programs = starts.compactMap { Int32($0[2]) }
            #expect(programs.count == 4)
            fleet.workers[0].send(SIGKILL)
            #expect(try await fleet.workers[0].end() == 137)
            try await eventually("its programs are gone") { !programs.contains(where: WorkerFleet.isAlive) }
            // Its leases are over at once: short ones would end for a worker that is only held up as well.
            for start in starts { try fleet.endLease(handler: "patient", id: String(start[1])) }
            fleet.go()
            try await eventually("all are done", within: .seconds(60)) { Set(fleet.done).count == 8 }
            fleet.workers[1].send(SIGTERM)
            #expect(try await fleet.workers[1].end() == 0)
            #expect(fleet.done.count == 8)
            #expect(fleet.workers[1].errors.contains("taken_over=4"))
        }
    }

    @Test func `SIGTERM finishes what runs`() async throws {
        try await WorkerFleet.with(["a"], Self.patient) { fleet in
            try await fleet.publish(["{\"id\":1}"])
            try await eventually("it runs") { fleet.ledger.count == 1 }
            fleet.workers[0].send(SIGTERM)
            try await fleet.workers[0].logs("draining")
            #expect(fleet.workers[0].exitCode == nil)
            fleet.go()
            #expect(try await fleet.workers[0].end() == 0)
            #expect(fleet.ledger.last == "done 1")
        }
    }

    @Test func `a second signal ends at once, and leaves no program behind`() async throws {
        try await WorkerFleet.with(["a"], Self.patient) { fleet in
            try await fleet.publish(["{\"id\":1}"])
            try await eventually("it runs") { fleet.ledger.count == 1 }
            let program = try #require(fleet.ledger.first.flatMap { Int32($0.split(separator: " ")[2]) })
            fleet.workers[0].send(SIGINT)
            try await fleet.workers[0].logs("draining")
            fleet.workers[0].send(SIGINT)
            #expect(try await fleet.workers[0].end() == 130)
            try await eventually("the program is gone") { !WorkerFleet.isAlive(program) }
        }
    }

    @Test func `SIGTSTP stops fetching, and SIGTTIN tells what runs`() async throws {
        try await WorkerFleet.with(["a"], Self.patient) { fleet in
            let worker = fleet.workers[0]
            try await fleet.publish(["{\"id\":1}"])
            try await eventually("it runs") { fleet.ledger.count == 1 }
            worker.send(SIGTTIN)
            try await worker.logs("patient: job from jobs, running as process")
            worker.send(SIGTSTP)
            try await eventually("it is unsubscribed") {
                try fleet.server("PUBSUB", "NUMSUB", "jobs").array?.last == 0
            }
            fleet.go()
            try await eventually("its work goes on to the end") { fleet.ledger.last == "done 1" }
            #expect(worker.exitCode == nil)
            worker.send(SIGTERM)
            #expect(try await worker.end() == 0)
        }
    }

    @Test func `the drain timeout ends what does not end by itself, and says so`() async throws {
        let configuration = Self.patient.replacing("drainTimeout: 20s", with: "drainTimeout: 100ms")
        try await WorkerFleet.with(["a"], configuration) { fleet in
            try await fleet.publish(["{\"id\":1}"])
            try await eventually("it runs") { fleet.ledger.count == 1 }
            fleet.workers[0].send(SIGTERM)
            #expect(try await fleet.workers[0].end() == 70)
            #expect(fleet.workers[0].errors.contains("the drain timeout ended handlers"))
            #expect(fleet.workers[0].errors.contains("cancelled=1"))
        }
    }

    @Test func `events are filtered, forwarded and logged, and a failing handler stops no other`() async throws {
        let configuration = """
            redis: { url: "${REDIS_URL}" }
            handlers:
              - name: fails
                on: { channel: jobs }
                run: [sh, -c, 'echo because >&2; exit 3']
              - name: slow
                on: { channel: jobs, type: slow }
                run: [sleep, "600"]
                timeout: 100ms
              - name: forward
                on: { channel: jobs, type: "j*" }
                publish: { channel: "copies.{{type}}", type: copy, payload: '{"of":"{{payload.name}}"}' }
              - name: note
                on: { channel: "copies.*", type: copy }
                log: "copied {{payload.of}}"
            """
        try await WorkerFleet.with(["a"], configuration) { fleet in
            let worker = fleet.workers[0]
            try await fleet.publish([#"{"name":"a \"b\" <ü>"}"#])
            try await fleet.publish(["1"], type: "slow")
            try await worker.logs(#"copied a "b" <ü>"#)
            try await worker.logs("because")
            try await worker.logs("'sh' exited with code 3")
            try await worker.logs("'sleep' did not finish within 100ms")
            worker.send(SIGTERM)
            #expect(try await worker.end() == 0)
            #expect(worker.errors.contains("failed=2 handler=fails"))
            #expect(worker.errors.contains("executed=1 failed=0 handler=forward"))
        }
    }

    @Test func `a lock keeps runs apart across workers`() async throws {
        let configuration = """
            redis: { url: "${REDIS_URL}" }
            handlers:
              - name: exclusive
                on: { channel: jobs }
                run: [sh, -c, 'mkdir $DIR/held || echo clash >>$DIR/ledger; sleep 0.02; rmdir $DIR/held;
                  echo done >>$DIR/ledger']
                lock: "door:{{payload.id}}"
            """
        try await WorkerFleet.with(["a", "b"], configuration) { fleet in
            try await fleet.publish(Array(repeating: "{\"id\":1}", count: 10))
            try await eventually("all are done", within: .seconds(60)) { fleet.ledger.count >= 20 }
            #expect(fleet.ledger.allSatisfy { $0 == "done" })
        }
    }

    @Test func `a failed run is tried by the next worker, or by none when that is remembered`() async throws {
        let configuration = """
            redis: { url: "${REDIS_URL}" }
            handlers:
              - name: release
                on: { channel: jobs }
                run: [sh, -c, 'echo release >>$DIR/ledger; exit 1']
                dedupe: { key: k }
              - name: remember
                on: { channel: jobs }
                run: [sh, -c, 'echo remember >>$DIR/ledger; exit 1']
                dedupe: { key: k, onFailure: remember }
            """
        try await WorkerFleet.with(["a", "b"], configuration) { fleet in
            try await fleet.publish(["1"])
            try await eventually("each worker has tried") { fleet.ledger.count { $0 == "release" } == 2 }
            for worker in fleet.workers {
                worker.send(SIGTERM)
                #expect(try await worker.end() == 0)
            }
            #expect(fleet.ledger.count { $0 == "release" } == 2)
            #expect(fleet.ledger.count { $0 == "remember" } == 1)
        }
    }

    @Test func `without a URL it brings its own Redis, whose data stay`() async throws {
        let configuration = "handlers:\n  - name: a\n    on: { channel: jobs }\n    log: got {{payload.id}}\n"
        try await WorkerFleet.withFolder(configuration) { path in
            try await WorkerProcess.with(
                ["run", "--config", "\(path)/worker.yaml"], environment: ["STATE_DIRECTORY": "\(path)/state"]
            ) { worker in
                try await worker.logs("ready")
                let url = try #require(worker.errors.firstMatch(of: /embedded Redis started url=(\S+)/)?.1)
                let sent = try await WorkerProcess.run(["publish", "jobs", "job", "{\"id\":5}", "--redis", "\(url)"])
                #expect(sent.code == 0)
                try await worker.logs("got 5")
                worker.send(SIGTERM)
                #expect(try await worker.end() == 0)
                #expect(FileManager.default.fileExists(atPath: "\(path)/state/redis"))
            }
        }
    }

    @Test func `throttled events run once in their window, debounced ones once after a burst with the last`()
        async throws
    {
        let configuration = """
            redis: { url: "${REDIS_URL}" }
            handlers:
              - name: throttled
                on: { channel: jobs }
                run: [sh, -c, 'echo throttled $N >>$DIR/ledger']
                environment: { N: "{{payload.n}}" }
                dedupe: { key: k, mode: throttle, window: 1h }
              - name: debounced
                on: { channel: jobs }
                run: [sh, -c, 'echo debounced $N >>$DIR/ledger']
                environment: { N: "{{payload.n}}" }
                dedupe: { key: k, mode: debounce, window: 2s }
            """
        var debounced: [String] = []
        // Workers that are held up for longer than the window have two bursts: then a longer one tells.
        for window in ["2s", "10s"] where debounced != ["debounced 5"] {
            let configuration = configuration.replacing("window: 2s", with: "window: \(window)")
            try await WorkerFleet.with(["a", "b"], configuration) { fleet in
                try await fleet.publish((1...5).map { "{\"n\":\($0)}" })
                try await eventually("both have run", within: .seconds(60)) { fleet.ledger.count >= 2 }
                for worker in fleet.workers {
                    worker.send(SIGTERM)
                    #expect(try await worker.end() == 0)
                }
                #expect(fleet.ledger.count { $0.hasPrefix("throttled") } == 1)
                debounced = fleet.ledger.filter { $0.hasPrefix("debounced") }
            }
        }
        #expect(debounced == ["debounced 5"])
    }

    @Test func `a server that is not fit is told about, and refused when that is asked for`() async throws {
        let configuration = """
            redis: { url: "${REDIS_URL}", checks: "${CHECKS:warn}" }
            handlers:
              - name: a
                on: { channel: jobs }
                log: m
            """
        try await WorkerFleet.with(["a"], configuration) { fleet in
            try await fleet.workers[0].logs("check=noPersistence")
            let refused = try await WorkerProcess.run(
                ["run", "--config", "\(fleet.path)/worker.yaml"],
                environment: ["REDIS_URL": fleet.server.url, "CHECKS": "refuse"])
            #expect(refused.code == 69)
            #expect(refused.errors.contains("set appendonly yes"))
        }
    }
}
