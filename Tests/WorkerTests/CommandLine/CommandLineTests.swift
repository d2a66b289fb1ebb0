import ConfigurationFiles
import Foundation
import TestSupport
import Testing

@testable import worker

/// The verbs as scripts use them: what they print, and their exit codes.
@Suite struct CommandLineTests {
    private static let valid = "handlers:\n  - name: a\n    on: { channel: c }\n    run: [sh, -c, ':']\n"
    private static let nobody = "redis://127.0.0.1:1"

    @Test(
        arguments: [
            ([], 0), (["--version"], 0), (["help"], 0), (["nonsense"], 64), (["publish", "c"], 64),
            (["publish", "c", "t"], 64), (["publish", "c", "t", "{"], 64),
            (["publish", "c", "t", "1", "--file", "x"], 64), (["publish", "c", "t", "-", "--rate", "fast"], 64),
            (["publish", "c", "t", "--file", "/nowhere"], 64), (["listen"], 64),
            (["listen", "c", "--count", "0"], 64), (["run", "--log-level", "loud"], 64),
            (["run", "--config", "/nowhere/worker.yaml"], 78), (["health", "--redis", "http://x"], 78),
            (["health", "--redis", nobody], 69), (["publish", "c", "t", "1", "--redis", nobody], 69),
            (["listen", "c", "--redis", nobody], 69), (["demo", "--file", "/nowhere"], 64),
        ] as [([String], Int32)])
    func `each way to go wrong has its exit code`(_ arguments: [String], _ code: Int32) async throws {
        let result = try await WorkerProcess.run(arguments)
        #expect(result.code == code, "\(result.output)\(result.errors)")
        #expect(!(result.output + result.errors).isEmpty)
    }

    @Test(arguments: [
        "run", "publish", "listen", "health", "demo", "limit", "limit show", "limit reset", "lock", "lock ls",
        "lock show", "lock release",
    ])
    func `the help of every verb has an example`(_ verb: String) async throws {
        let result = try await WorkerProcess.run(verb.split(separator: " ").map(String.init) + ["--help"])
        #expect(result.code == 0)
        #expect(result.output.contains("Example"))
        #expect(result.output.contains("worker \(verb)"))
    }

    @Test(arguments: ["bash", "zsh", "fish"])
    func `completions name every verb`(_ shell: String) async throws {
        let result = try await WorkerProcess.run(["--generate-completion-script", shell])
        #expect(result.code == 0)
        for verb in ["run", "publish", "listen", "health", "demo", "lock", "limit", "leader", "once"] {
            #expect(result.output.contains(verb))
        }
    }

    @Test func `a check prints what would run, and no secret`() async throws {
        try await WorkerFleet.withFolder("redis: { url: \"${REDIS_URL}\" }\n" + Self.valid) { path in
            let environment = ["REDIS_URL": "redis://ann:hunter2@cache:6380/2"]
            let run = ["run", "--check", "--config", "\(path)/worker.yaml"]
            let text = try await WorkerProcess.run(run, environment: environment)
            #expect(text.code == 0)
            #expect(text.output.contains("redis://ann:***@cache:6380/2"))
            let json = try await WorkerProcess.run(run + ["--json"], environment: environment)
            let handlers = try #require(try Self.object(json.output)["handlers"])
            #expect(handlers.json.contains(#""name":"a""#))
            #expect(!(text.output + json.output).contains("hunter2"))
        }
    }

    @Test(arguments: [
        (valid.replacing("sh", with: "no-such-program"), "handlers[0].run: 'no-such-program' is not found in PATH"),
        (valid + "wrong: 1\n", "worker.yaml:5:1: wrong: unknown key"),
        ("redis: { url: 'http://u:hunter2@x' }\n" + valid, "URL"),
        ("redis: { url: 'redis://u:hunter2@x:port' }\n" + valid, ""),
    ])
    func `a configuration that cannot run ends with 78, and tells no secret`(
        _ yaml: String, _ part: String
    ) async throws {
        try await WorkerFleet.withFolder(yaml) { path in
            for arguments in [["run", "--check"], ["run"]] {
                let result = try await WorkerProcess.run(arguments + ["--config", "\(path)/worker.yaml"])
                #expect(result.code == 78)
                #expect(part.isEmpty || result.errors.contains(part), "\(result.errors)")
                #expect(!(result.output + result.errors).contains("hunter2"))
            }
        }
    }

    @Test func `a wrong password ends with 69, and is not told`() async throws {
        try await withRedisServer { server in
            try await WorkerFleet.withFolder(Self.valid) { path in
                let environment = ["REDIS_URL": server.tcpURL.replacing("redis://", with: "redis://ann:hunter2@")]
                for arguments in [
                    ["health"], ["publish", "c", "t", "1"], ["listen", "c"],
                    ["run", "--config", "\(path)/worker.yaml"],
                ] {
                    let result = try await WorkerProcess.run(arguments, environment: environment)
                    #expect(result.code == 69, "\(arguments): \(result.output)\(result.errors)")
                    #expect(!(result.output + result.errors).contains("hunter2"))
                }
            }
        }
    }

    @Test func `lines are published, and the broken ones told with their numbers`() async throws {
        try await withRedisServer { server in
            let input = "{\"id\":1}\n\nnot json\n[2]\n{\"id\":\n"
            let text = try await WorkerProcess.run(["publish", "c", "t", "-", "--redis", server.url], input: input)
            #expect(text.code == 64)
            #expect(text.output.hasPrefix("published 2 events to c"))
            #expect(text.output.contains("2 broken lines skipped"))
            #expect(text.errors.contains("line 3 is broken") && text.errors.contains("line 5 is broken"))
            let json = try await WorkerProcess.run(
                ["publish", "c", "t", "-", "--json"], environment: ["REDIS_URL": server.url], input: input)
            let report = try Self.object(json.output)
            #expect(report["published"] == 2)
            #expect(report["brokenLines"] == 2)
        }
    }

    @Test func `what is published is heard, as text and as JSON`() async throws {
        try await withRedisServer { server in
            let environment = ["REDIS_URL": server.url]
            let listen = ["listen", "a.*", "b", "--count", "3"]
            try await WorkerProcess.with(listen, environment: environment) { text in
                try await WorkerProcess.with(listen + ["--json"], environment: environment) { json in
                    try await eventually("both listen") {
                        // NUMPAT counts a pattern once, however many subscribe.
                        try server.clients().count { $0["psub"] == "1" } == 2
                            && server("PUBSUB", "NUMSUB", "b").array?.last == 2
                    }
                    let sent = try await WorkerProcess.run(
                        ["publish", "a.x", "t.y", #"{"n":12.50}"#], environment: environment)
                    #expect(sent.output == "published to a.x: 2 subscribers\n")
                    _ = try server("PUBLISH", "b", "\u{1B}[31mgarbage")
                    _ = try server("PUBLISH", "b", #"{"type":"z","payload":[1]}"#)
                    #expect(try await text.end() == 0)
                    #expect(try await json.end() == 0)
                    #expect(text.output.contains(#"a.x t.y {"n":12.50}"#), "\(text.output)")
                    #expect(text.output.contains(#"\x1B[31mgarbage"#))
                    #expect(!text.output.contains("\u{1B}"))
                    let lines = json.output.split(separator: "\n")
                    #expect(lines.count == 3)
                    #expect(lines.allSatisfy { (try? JSONParser.parse(String($0))) != nil })
                }
            }
        }
    }

    @Test func `health is told in words and as JSON`() async throws {
        try await withRedisServer { server in
            let text = try await WorkerProcess.run(["health", "--timeout", "60s", "--redis", server.url])
            #expect(text.code == 0)
            // A machine under load may make it degraded, which is no failure either.
            #expect(!text.output.hasPrefix("unhealthy") && text.output.contains("noeviction"), "\(text.output)")
            let json = try await WorkerProcess.run(["health", "--json", "--timeout", "60s", "--redis", server.url])
            let status = try Self.object(json.output)["status"]
            #expect(status == "healthy" || status == "degraded")
        }
    }

    @Test func `the example configurations of the repository are valid`() throws {
        let root = URL(fileURLWithPath: #filePath).pathComponents.dropLast(4).joined(separator: "/")
        let files = try FileManager.default.contentsOfDirectory(atPath: "\(root)/Examples")
            .filter { $0.hasSuffix(".yaml") }
        #expect(!files.isEmpty)
        for file in files {
            let yaml = try ConfigurationFile.read("\(root)/Examples/\(file)")
            #expect(throws: Never.self) { try WorkerConfiguration(yaml: yaml, file: file, environment: [:]) }
        }
    }

    private static func object(_ text: String) throws -> [String: JSONValue] {
        guard case .object(let members) = try JSONParser.parse(text) else { return [:] }
        return members
    }
}
