import ConfigurationFiles
import Coordination
import Testing

@testable import worker

@Suite struct WorkerConfigurationTests {
    private let environment = ["REDIS_URL": "redis://u:hunter2@cache:6380/1", "HOSTNAME": "box"]

    private func read(_ yaml: String) throws -> WorkerConfiguration {
        try WorkerConfiguration(yaml: yaml, file: "worker.yaml", environment: environment)
    }

    /// The problems of a text, each as its line in the report.
    private func problems(_ yaml: String) -> [String] {
        do {
            _ = try read(yaml)
            return []
        } catch let error as InvalidConfiguration {
            return error.problems.map { $0.text(file: error.file) }
        } catch {
            return ["\(error)"]
        }
    }

    /// A valid handler with more lines.
    private func handler(_ lines: String...) -> String {
        (["handlers:", "  - name: a", "    on: { channel: c }", "    log: m"] + lines.map { "    " + $0 })
            .joined(separator: "\n")
    }

    @Test func `a bomb of aliases is refused before it is built`() {
        var bomb = "a0: &a0 [x, y]\n"
        for level in 1...40 { bomb += "a\(level): &a\(level) [*a\(level - 1), *a\(level - 1)]\n" }
        bomb += "handlers:\n  ? *a40\n  : 1\n  ? *a39\n  : 2\n"
        #expect(problems(bomb).contains { $0.contains("more than 16 aliases") })
    }

    @Test func `the configuration of the design is read`() throws {
        let configuration = try read(
            """
            redis:
              url: ${REDIS_URL:}
            worker:
              name: ${HOSTNAME:worker}
              concurrency: 16
              drainTimeout: 25s
            handlers:
              - name: thumbnail
                on: { channel: uploads, type: image.uploaded }
                run: ["python3", "thumb.py"]
                timeout: 30s
                dedupe: { key: "{{payload.id}}", window: 1h }
                lock: "image:{{payload.id}}"
            """)
        #expect(configuration.redisURL == "redis://u:hunter2@cache:6380/1")
        #expect(configuration.worker.name == "box")
        #expect(configuration.worker.concurrency == 16)
        #expect(configuration.worker.drainTimeout == .seconds(25))
        let handler = try #require(configuration.handlers.first)
        #expect(handler.source == .channel("uploads"))
        #expect(handler.types.globs.map(\.pattern) == ["image.uploaded"])
        #expect(handler.action == .run(["python3", "thumb.py"]))
        #expect(handler.timeout == .seconds(30))
        #expect(handler.dedupe?.key.source == "{{payload.id}}")
        #expect(handler.dedupe?.window == .seconds(3_600))
        #expect(handler.dedupe?.onFailure == .release)
        #expect(handler.lock?.name.source == "image:{{payload.id}}")
    }

    @Test func `each action and each long form is read`() throws {
        let configuration = try read(
            """
            handlers:
              - name: forward
                on: { channel: 'orders.*', type: [order.placed, "order.c*"] }
                publish: { channel: "audit.{{type}}", type: audit, payload: '{"id": {{{payload.id}}}}' }
                concurrency: 2
              - name: note
                on: { channel: orders }
                log: { message: "got {{payload.id}}", level: warning }
                dedupe: { key: k, window: 5m, lease: 10s, onFailure: remember }
                lock: { name: l, ttl: 10s, wait: 0s }
                rateLimit:
                  { limit: 100, window: 1m, algorithm: tokenBucket, burst: 5, key: "{{payload.user}}", excess: drop }
              - name: program
                on: { channel: orders }
                run: [sh, -c, "", "x"]
                environment: { ID: "{{payload.id}}", NOTHING: "" }
            """)
        let (forward, note, program) = (
            configuration.handlers[0], configuration.handlers[1], configuration.handlers[2]
        )
        #expect(forward.source == .pattern("orders.*"))
        #expect(forward.types.matches("order.placed") && forward.types.matches("order.cancelled"))
        #expect(!forward.types.matches("order.paid"))
        #expect(forward.concurrency == 2)
        #expect(note.dedupe?.onFailure == .remember)
        #expect(note.dedupe?.lease == .seconds(10))
        #expect(note.lock?.wait == .zero)
        #expect(note.rateLimit?.rule == (try RateLimit(100, per: "1m", algorithm: .tokenBucket(burst: 5))))
        #expect(note.rateLimit?.key?.source == "{{payload.user}}")
        #expect(note.rateLimit?.excess == .drop)
        #expect(note.types.matches("anything"))
        #expect(program.environment.keys.sorted() == ["ID", "NOTHING"])
    }

    @Test func `every problem is reported at once with its line, column and key`() {
        let problems = problems(
            """
            redis: { url: 7 }
            worker:
              concurrency: many
              drainTimeout: 25
              colour: red
              http: 127.0.0.1:9465
            handlers:
              - name: a
                on: { channel: c }
                run: ["x"]
                timeout: soon
              - name: b
                on: { chanel: c }
                log: m
              - on: { channel: c }
                run: ["x"]
                publish: d
            more: 1
            """)
        let starts = [
            "worker.yaml:18:1: more: unknown key", "worker.yaml:1:15: redis.url: must be text, not a number",
            "worker.yaml:5:3: worker.colour: unknown key",
            "worker.yaml:3:16: worker.concurrency: must be a whole number",
            "worker.yaml:4:17: worker.drainTimeout: '25' is not a duration",
            "worker.yaml:6:9: worker.http: is not available in this version",
            "worker.yaml:11:14: handlers[0].timeout: 'soon' is not a duration",
            "worker.yaml:13:11: handlers[1].on.chanel: unknown key",
            "worker.yaml:13:9: handlers[1].on.channel: is missing",
            "worker.yaml:15:5: handlers[2].name: is missing",
            "worker.yaml:15:5: handlers[2]: needs exactly one of run, publish, log",
        ]
        for start in starts {
            #expect(problems.contains { $0.hasPrefix(start) }, "\(start)\nnot in\n\(problems.joined(separator: "\n"))")
        }
        #expect(problems.count == starts.count)
    }

    @Test(arguments: [
        ("", "empty"), ("# nothing", "empty"), ("[]", "must be a mapping"), ("text", "must be a mapping"),
        ("handlers: []", "at least one handler"), ("worker: {}", "handlers: is missing"),
        ("handlers: {}", "must be a list"), ("handlers: [x]", "must be a mapping"), ("a: [", "is not YAML"),
        ("\tx: 1", "is not YAML"), ("a: 1\na: 2", "same key twice"), ("--- {}\n--- {}", "is not YAML"),
        ("a: *nowhere", "is not YAML"), ("a: \u{1}", "is not YAML"),
    ])
    func `a file that is no configuration is refused in words`(_ yaml: String, _ part: String) {
        #expect(problems(yaml).contains { $0.contains(part) }, "\(problems(yaml))")
    }

    @Test(arguments: [
        ("timeout: 0s", "must be from 1ms"), ("concurrency: 0", "from 1 to 10000"),
        ("concurrency: 1.5", "whole number"),
        ("concurrency: [1]", "must be a whole number, not a list"), ("lock: { ttl: 3s }", "lock.name: is missing"),
        ("lock: ''", "must not be empty"), ("lock: { name: a, hold: 3s }", "unknown key"),
        ("dedupe: x", "must be a mapping"), ("dedupe: { window: 1h }", "dedupe.key: is missing"),
        ("dedupe: { key: '{{payload' }", "not a Mustache template"),
        ("dedupe: { key: '{{paylod.id}}' }", "unknown paylod;"),
        ("dedupe: { key: k, onFailure: retry }", "release, remember"), ("environment: { A: b }", "only with 'run'"),
        ("rateLimit: 5", "must be a mapping"), ("rateLimit: { window: 1m }", "rateLimit.limit: is missing"),
        ("rateLimit: { limit: 5 }", "rateLimit.window: is missing"),
        ("rateLimit: { limit: 0, window: 1m }", "from 1 to"),
        ("rateLimit: { limit: 5, window: 0s }", "must be from 1ms"),
        ("rateLimit: { limit: 5, per: 1m }", "unknown key"),
        ("rateLimit: { limit: 5, window: 1m30s }", "not a duration"),
        ("rateLimit: { limit: 5, window: 1m, algorithm: gcra }", "must be one of automatic, slidingWindowLog"),
        ("rateLimit: { limit: 5, window: 1m, algorithm: tokenBucket }", "rateLimit.burst: is missing"),
        ("rateLimit: { limit: 5, window: 1m, burst: 5 }", "only with 'algorithm: tokenBucket'"),
        ("rateLimit: { limit: 5, window: 1m, buckets: 5 }", "only with 'algorithm: slidingWindowBuckets'"),
        ("rateLimit: { limit: 20000, window: 1m, algorithm: slidingWindowLog }", "cannot work: a log of 20000"),
        ("rateLimit: { limit: 5, window: 1m, excess: queue }", "must be one of wait, drop"),
        ("rateLimit: { limit: 5, window: 1m, key: '{{paylod.id}}' }", "unknown paylod;"),
        ("timeout: ${NONE}", "NONE is not set"), ("timeout: ${NONE:x}", "'x' is not a duration"),
        ("name: a", "same key twice"), ("nme: a", "unknown key"), ("run: []", "exactly one"),
    ])
    func `a bad handler value names its key and what is right`(_ line: String, _ part: String) {
        let found = problems(handler(line))
        #expect(found.contains { $0.contains(part) }, "\(found)")
    }

    @Test(arguments: [
        ("run: []", "is empty"), ("run: x", "must be a list"), ("run: ['']", "must not be empty"),
        ("run: [1]", "put it in quotes"), ("run: [a, [b]]", "must be text, not a list"), ("run: [\"a\\0b\"]", "NUL"),
        ("publish: { type: x }", "publish.channel: is missing"), ("log: { message: m, level: loud }", "must be one of"),
        ("log: {}", "log.message: is missing"), ("log: null", "not nothing"),
    ])
    func `a bad action names its key and what is right`(_ line: String, _ part: String) {
        let found = problems("handlers:\n  - name: a\n    on: { channel: c }\n    \(line)")
        #expect(found.contains { $0.contains(part) }, "\(found)")
    }

    @Test(arguments: [
        ("stream: s, group: g", "on.stream: is not available"), ("queue: q", "on.queue: is not available"),
    ])
    func `sources of later versions are refused by name`(_ source: String, _ part: String) {
        let found = problems("handlers:\n  - name: a\n    on: { \(source) }\n    log: m")
        #expect(found.contains { $0.contains(part) })
        #expect(!found.contains { $0.contains("channel: is missing") })
    }

    @Test func `two handlers of one name are refused, as they would share their claims`() {
        let found = problems(handler() + "\n  - name: a\n    on: { channel: d }\n    log: m")
        #expect(found.contains { $0.contains("handlers[1].name: is used twice: 'a'") })
    }

    @Test func `a value with an alias bomb in it is refused without being expanded`() {
        var yaml = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n"
        for level in 1...7 {
            yaml +=
                "a\(level): &a\(level) [" + Array(repeating: "*a\(level - 1)", count: 9).joined(separator: ", ") + "]\n"
        }
        #expect(problems(yaml).contains { $0.contains("more than 16 aliases") })
    }

    @Test func `an empty or absent URL means that the environment decides`() throws {
        #expect(try read(handler()).redisURL == nil)
        #expect(try read("redis: { url: '' }\n" + handler()).redisURL == "")
        #expect(try read("redis: { url: }\n" + handler()).redisURL == nil)
        #expect(try read("redis: { url: '${NOT_SET:}' }\n" + handler()).redisURL == "")
    }

    @Test func `the check's report has everything but secrets`() throws {
        let configuration = try read(
            """
            redis: { url: "${REDIS_URL}" }
            handlers:
              - name: a
                on: { channel: c, type: t }
                run: [sh, -c, "it's"]
                environment: { TOKEN: hunter2 }
                dedupe: { key: k }
            """)
        let report = CheckReport(file: "worker.yaml", configuration: configuration, redis: "redis://u:***@cache:6380/1")
        for text in [report.text, report.json.json] {
            #expect(text.contains("TOKEN") && text.contains("redis://u:***@cache"))
            #expect(!text.contains("hunter2"))
        }
        #expect(report.text.contains(#"sh -c 'it'\''s'"#))
    }

    @Test func `each mode of dedupe is read, and shown by the check`() throws {
        let modes = [
            (
                "{ key: k, mode: untilFinished, followers: skip }",
                "k, untilFinished, lease 30s, on failure release, followers skip"
            ),
            (
                "{ key: k, mode: throttle, window: 5m, releaseOn: completion, onFailure: remember }",
                "k, throttle, window 5m, release on completion, lease 30s, on failure remember, followers wait"
            ),
            (
                "{ key: k, mode: debounce, window: 250ms, maxWait: 2s }",
                "k, debounce, quiet 250ms, at most 2s, lease 30s, on failure release, followers wait"
            ),
            ("{ key: k, mode: keepResult }", "k, keepResult, window 1h, lease 30s, on failure release, followers wait"),
        ]
        for (text, shown) in modes {
            let configuration = try read(handler("dedupe: \(text)"))
            let report = CheckReport(file: "f", configuration: configuration, redis: "r")
            #expect(report.text.contains(shown), "\(report.text)")
        }
    }

    @Test(arguments: [
        ("{ key: k, mode: never }", "must be one of untilFinished, throttle, debounce, keepResult"),
        ("{ key: k, mode: untilFinished, window: 1h }", "dedupe.window: has a meaning only with mode throttle"),
        ("{ key: k, mode: untilFinished, onFailure: remember }", "only with mode throttle, keepResult"),
        ("{ key: k, mode: debounce }", "dedupe.window: is missing"),
        ("{ key: k, mode: debounce, window: 1s, onFailure: remember }", "only with mode throttle, keepResult"),
        ("{ key: k, mode: debounce, window: 2s, maxWait: 1s }", "must not be below the window"),
        ("{ key: k, maxWait: 1s }", "dedupe.maxWait: has a meaning only with mode debounce"),
        ("{ key: k, releaseOn: completion }", "only with mode throttle"),
        ("{ key: k, mode: throttle, releaseOn: never }", "must be one of completion, windowEnd"),
        ("{ key: k, followers: run }", "must be one of wait, skip"),
        ("{ key: k, window: 1ms }", "must be from 1s"),
    ])
    func `what a mode has no use for is an error`(text: String, problem: String) {
        let found = problems(handler("dedupe: \(text)"))
        #expect(found.contains { $0.contains(problem) }, "\(found)")
    }

    @Test func `the checks of the server are read`() throws {
        #expect(try read(handler()).checks == .warn)
        #expect(try read("redis: { checks: refuse }\n" + handler()).checks == .refuse)
        #expect(problems("redis: { checks: maybe }\n" + handler()).contains { $0.contains("warn, refuse, off") })
    }
}
