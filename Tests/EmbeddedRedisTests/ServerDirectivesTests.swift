import Testing

@testable import EmbeddedRedis

@Suite struct ServerDirectivesTests {
    private func directives(_ extra: [String: String]) throws -> ServerDirectives {
        var options = EmbeddedServer.Options()
        options.directives = extra
        return try ServerDirectives(options)
    }

    @Test(arguments: [
        "max\nmemory", "maxmemory 1\ndaemonize", "", "max memory", "maxmemory\0", "--port", "süß", "daemonize", "PORT",
        "unixsocket", "include",
    ])
    func `a directive's name that is not one, or that is ours, is refused`(name: String) {
        #expect { try directives([name: "1"]) } throws: { ($0 as? EmbeddedServerError)?.code == .invalidOption }
    }

    @Test(arguments: ["100mb\nport 6379", "100mb\rport 6379", "a\0b", "\u{1b}[31m", "\u{7f}"])
    func `a value with a line break or control character is refused`(value: String) {
        #expect { try directives(["maxmemory": value]) } throws: {
            ($0 as? EmbeddedServerError)?.code == .invalidOption
        }
    }

    @Test func `an error does not repeat a refused value`() {
        let error = #expect(throws: EmbeddedServerError.self) { try directives(["requirepass": "secret\nport 1"]) }
        #expect(error.map { !"\($0)".contains("secret") } == true)
    }

    @Test(arguments: ["two words", "quo\"te", "back\\slash", "it's"])
    func `a password that the server would read differently is refused`(password: String) {
        #expect { try directives(["requirepass": password]) } throws: {
            ($0 as? EmbeddedServerError)?.code == .invalidOption
        }
    }

    @Test func `paths are quoted byte by byte`() throws {
        let text = try directives([:]).text(directory: "/tmp/a \"b\\\n", socket: "/tmp/é", port: nil)
        #expect(text.contains(#"dir "/tmp/a \x22b\x5c\x0a""#))
        #expect(text.contains(#"unixsocket "/tmp/\xc3\xa9""#))
        #expect(text.contains("port 0\n"))
    }

    @Test func `a directive comes after the defaults, in lower case, and an empty value stays a value`() throws {
        let text = try directives(["SAVE": "", "maxmemory": "10mb"]).text(directory: "/d", socket: "/s", port: 7)
        #expect(text.hasSuffix("maxmemory 10mb\nsave \"\"\n") || text.hasSuffix("save \"\"\nmaxmemory 10mb\n"))
        #expect(text.contains("port 7\n"))
    }
}
