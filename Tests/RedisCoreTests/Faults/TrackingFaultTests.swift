import RedisCore
import TestSupport
import Testing

@Suite struct TrackingFaultTests {
    /// Writes until the tracker hears of it.
    private func hears(_ log: TrackingLog, _ server: RedisServer, _ key: String) async throws {
        try await eventually("told of \(key)") {
            try server("SET", key, "1")
            return log.heard(.changed(key))
        }
    }

    @Test(arguments: [false, true])
    func `a cut connection is told at once and tracks again`(reset: Bool) async throws {
        try await withFaultyClient { server, proxy, client in
            let log = TrackingLog(client)
            let tracking = try client.track(prefixes: ["t:"], log)
            try await hears(log, server, "t:1")
            log.forget()
            proxy.cut(reset: reset)
            try await hears(log, server, "t:2")
            #expect(log.changes.prefix(2) == [.interrupted, .ready])
            tracking.cancel()
        }
    }

    @Test func `a restarted server tracks again, and a killed connection too`() async throws {
        try await withRedisServer { server in
            try await withClient(impatient(server.tcp)) { client in
                let log = TrackingLog(client)
                let tracking = try client.track(prefixes: ["t:"], log)
                try await hears(log, server, "t:1")
                log.forget()
                try await server.restart()
                try await hears(log, server, "t:2")
                #expect(log.changes.prefix(2) == [.interrupted, .ready])
                log.forget()
                try server("CLIENT", "KILL", "TYPE", "pubsub")
                try await hears(log, server, "t:3")
                #expect(log.changes.prefix(2) == [.interrupted, .ready])
                tracking.cancel()
            }
        }
    }

    @Test func `a silent connection is found by the heartbeat`() async throws {
        try await withFaultyClient(configure: restless(.milliseconds(50))) { server, proxy, client in
            let log = TrackingLog(client)
            let tracking = try client.track(prefixes: ["t:"], log)
            try await hears(log, server, "t:1")
            log.forget()
            try await eventually("interrupted") {
                // Again and again: the first time there may be none, when a busy machine has just cost it.
                if !log.heard(.interrupted) { proxy.silence(connectionsThatSent: "CLIENT TRACKING") }
                return log.heard(.interrupted)
            }
            try await hears(log, server, "t:2")
            tracking.cancel()
        }
    }

    @Test func `a stopped server proves nothing`() async throws {
        try await withFaultyClient(configure: restless(.milliseconds(20))) { server, proxy, client in
            let log = TrackingLog(client)
            let tracking = try client.track(prefixes: ["t:"], log)
            try await eventually("proved") { log.proofs.count > 2 }
            server.pause()
            let stopped = Moment.nanoseconds
            try await eventually("nonces go out") { Moment.nanoseconds - stopped > 100_000_000 }
            #expect((log.proofs.last ?? .max) <= stopped)
            server.resume()
            try await eventually("proved again") { (log.proofs.last ?? 0) > stopped }
            tracking.cancel()
        }
    }

    @Test(arguments: [
        ["+@all", "-client", "&*"], ["+@all", "-client|tracking", "&*"],
        ["+@all", "resetchannels", "&news", "&signalbox:*"],
    ])
    func `a user who may not track is told, and the subscriptions of others go on`(rules: [String]) async throws {
        try await withRedisServer { server in
            let reply = try server.call(["ACL", "SETUSER", "ada", "on", ">pw", "~*"] + rules)
            #expect(reply == .status("OK"))
            let configuration = impatient(server.tcp) {
                $0.username = "ada"
                $0.password = Secret("pw")
            }
            try await withClient(configuration) { redis in
                let (log, late) = (TrackingLog(redis), TrackingLog(redis))
                let tracking = try redis.track(prefixes: ["t:"], log)
                let subscription = try await redis.subscribe(channels: ["news"])
                try await eventually("told") { log.heard(.unavailable(.noPermission)) }
                try await redis.publish("x", to: "news")
                guard case .message = try await within(.seconds(60), "an event", { await subscription.nextEvent() })
                else {
                    Issue.record("no message")
                    return
                }
                // Who comes later learns it too, and nobody is disturbed.
                let second = try redis.track(prefixes: ["u:"], late)
                try await eventually("told") { late.heard(.unavailable(.noPermission)) }
                try server("SET", "t:k", "1")
                try await redis.publish("y", to: "news")
                guard case .message = try await within(.seconds(60), "an event", { await subscription.nextEvent() })
                else {
                    Issue.record("no message")
                    return
                }
                #expect(log.events == [.unavailable(.noPermission)])
                tracking.cancel()
                second.cancel()
            }
        }
    }

    @Test func `what ends the connection when it is asked to track is not asked again for ever`() async throws {
        try await withFaultyClient { server, proxy, client in
            proxy.set(.cutBeforeSend(match: "CLIENT TRACKING", times: 1_000))
            let log = TrackingLog(client)
            let tracking = try client.track(prefixes: ["t:"], log)
            let subscription = try await client.subscribe(channels: ["news"])
            try await eventually("told") { log.heard(.unavailable(.connectFailed)) }
            try server("PUBLISH", "news", "x")
            guard case .message = try await within(.seconds(60), "an event", { await subscription.nextEvent() }) else {
                Issue.record("no message")
                return
            }
            // Another connection may lead to another server: it is asked.
            proxy.set(.pass)
            proxy.cut()
            try await hears(log, server, "t:1")
            tracking.cancel()
        }
    }

    @Test func `a message of somebody else on the server's channel is no invalidation`() async throws {
        try await withRedisServer { server in
            try await withClient(impatient(server.tcp)) { client in
                let log = TrackingLog(client)
                let tracking = try client.track(prefixes: ["t:"], log)
                try await hears(log, server, "t:1")
                log.forget()
                try server("PUBLISH", "__redis__:invalidate", "t:2")
                try await hears(log, server, "t:3")
                #expect(!log.heard(.changed("t:2")) && log.changes.isEmpty)
                tracking.cancel()
            }
        }
    }
}
