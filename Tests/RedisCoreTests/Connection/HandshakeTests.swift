import Testing

@testable import RedisCore

@Suite struct `The handshake` {
    private func words(_ change: (inout RedisConfiguration) -> Void) -> [String] {
        var configuration = RedisConfiguration()
        change(&configuration)
        return Self.words(Handshake(configuration, role: "commands").commands)
    }

    private static func words(_ commands: [RedisCommand]) -> [String] {
        commands.map { command in
            // Every other line of the wire format is an argument.
            command.wireText.split(separator: "\r\n", omittingEmptySubsequences: false).enumerated()
                .filter { $0.offset > 0 && $0.offset.isMultiple(of: 2) }.map { String($0.element) }
                .joined(separator: " ").trimmingSuffix(" ")
        }
    }

    @Test func `asks only who the server is when nothing else is configured`() {
        #expect(words { _ in } == ["INFO server"])
    }

    @Test func `authenticates first, then selects, then introduces itself`() {
        let sent = words {
            $0.username = "ada"
            $0.password = Secret("pw")
            $0.database = 3
            $0.clientName = "shop"
        }
        #expect(sent == ["AUTH ada pw", "SELECT 3", "CLIENT SETNAME shop:commands", "INFO server"])
        #expect(words { $0.password = Secret("pw") } == ["AUTH pw", "INFO server"])
        #expect(words { $0.username = "guest" } == ["AUTH guest", "INFO server"])
    }

    @Test func `succeeds with the server's facts`() throws {
        var handshake = Handshake(RedisConfiguration(), role: "commands")
        try handshake.received([.success(.bytes(Array("redis_version:7.0.15\r\nrun_id:abc\r\n".utf8)))])
        #expect(handshake.serverInfo?.runID == "abc")
    }

    @Test(arguments: [
        ("WRONGPASS invalid username-password pair", RedisError.Code.wrongPassword),
        ("LOADING Redis is loading", .loading),
    ])
    func `fails when a needed step is refused`(reply: String, code: RedisError.Code) throws {
        var configuration = RedisConfiguration(password: Secret("pw"))
        configuration.clientName = "shop"
        var handshake = Handshake(configuration, role: "commands")
        let refusal = RedisError(serverReply: reply, operation: "handshake", address: nil)
        let error = try #require(throws: RedisError.self) {
            try handshake.received([.failure(refusal), .success(.status("OK")), .success(.bytes([]))])
        }
        #expect(error.code == code)
    }

    @Test func `does without a name and without INFO where an ACL forbids them`() throws {
        var configuration = RedisConfiguration()
        configuration.clientName = "shop"
        var handshake = Handshake(configuration, role: "commands")
        let refusal = RedisError(
            serverReply: "NOPERM this user has no permissions", operation: "handshake", address: nil)
        try handshake.received([.failure(refusal), .failure(refusal)])
        #expect(handshake.serverInfo == nil)
    }

    @Test func `fails when the server wants a password and none is configured`() throws {
        var handshake = Handshake(RedisConfiguration(), role: "commands")
        let refusal = RedisError(serverReply: "NOAUTH Authentication required.", operation: "handshake", address: nil)
        let error = try #require(throws: RedisError.self) { try handshake.received([.failure(refusal)]) }
        #expect(error.code == .noAuthentication)
    }

    private func tracking() -> Handshake {
        Handshake(
            RedisConfiguration(), role: "subscriber", tracking: TrackingPlan([Array("a:".utf8), Array("b:".utf8)]))
    }

    private let noPermission = RedisError(
        serverReply: "NOPERM this user has no permissions", operation: "handshake", address: nil)

    @Test func `of a tracking connection asks for its number first, then to be told itself`() throws {
        var handshake = tracking()
        #expect(Self.words(handshake.commands) == ["INFO server", "CLIENT ID"])
        #expect(!handshake.isTracking)
        try handshake.received([.success(.bytes([])), .success(.integer(7))])
        #expect(handshake.isTracking)
        #expect(
            Self.words(handshake.commands)
                == [
                    "CLIENT TRACKING ON REDIRECT 7 BCAST PREFIX a: PREFIX b:", "SUBSCRIBE __redis__:invalidate",
                ])
        try handshake.received([.success(.status("OK")), .success(.array([]))])
        #expect(handshake.commands.isEmpty)
        guard case .on = handshake.tracking else {
            Issue.record("not on: \(handshake.tracking)")
            return
        }
    }

    @Test func `goes on without tracking where it is forbidden`() throws {
        var first = tracking()
        try first.received([.success(.bytes([])), .failure(noPermission)])
        var second = tracking()
        try second.received([.success(.bytes([])), .success(.integer(7))])
        try second.received([.failure(noPermission), .success(.array([]))])
        for handshake in [first, second] {
            #expect(handshake.commands.isEmpty)
            guard case .unavailable(let error) = handshake.tracking, error.code == .noPermission else {
                Issue.record("not unavailable: \(handshake.tracking)")
                return
            }
        }
    }

    @Test func `switches tracking off again where it may not listen`() throws {
        var handshake = tracking()
        try handshake.received([.success(.bytes([])), .success(.integer(7))])
        try handshake.received([.success(.status("OK")), .failure(noPermission)])
        #expect(Self.words(handshake.commands) == ["CLIENT TRACKING OFF"])
        try handshake.received([.success(.status("OK"))])
        #expect(handshake.commands.isEmpty)
        guard case .unavailable = handshake.tracking else {
            Issue.record("not unavailable: \(handshake.tracking)")
            return
        }
    }

    @Test func `is tried again while the server is busy`() throws {
        var handshake = tracking()
        try handshake.received([.success(.bytes([])), .success(.integer(7))])
        let busy = RedisError(serverReply: "BUSY a script runs", operation: "handshake", address: nil)
        #expect(throws: RedisError.self) { try handshake.received([.failure(busy), .success(.array([]))]) }
    }
}

extension String {
    fileprivate func trimmingSuffix(_ suffix: String) -> String {
        hasSuffix(suffix) ? String(dropLast(suffix.count)) : self
    }
}
