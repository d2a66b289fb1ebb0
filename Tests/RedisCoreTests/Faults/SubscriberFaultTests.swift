import RedisCore
import TestSupport
import Testing

@Suite struct SubscriberFaultTests {
    /// Publishes until the subscription delivers, and returns what it delivered up to the first message.
    private func deliver(
        _ server: RedisServer, to subscription: RedisSubscription, channel: String = "news"
    ) async throws -> [SubscriptionEvent] {
        let delivered = TestSignal("a delivered message")
        let reading = Task {
            defer { delivered.fire() }
            var events: [SubscriptionEvent] = []
            while let event = await subscription.nextEvent() {
                events.append(event)
                if case .message = event { return events }
            }
            return events
        }
        defer { reading.cancel() }
        // The server may still count a connection that is already lost: one message is not enough.
        try await eventually("a delivered message") {
            try server("PUBLISH", channel, "after")
            return delivered.count > 0
        }
        return await reading.value
    }

    private func expectGapThenMessage(_ events: [SubscriptionEvent]) {
        guard events.count == 2, case .gap(let gap) = events[0], case .message(let message) = events[1] else {
            Issue.record("expected a gap and a message, got \(events)")
            return
        }
        #expect(gap.since <= gap.until)
        #expect(!gap.reason.isEmpty)
        #expect(message.payload == Array("after".utf8))
    }

    @Test(arguments: [false, true])
    func `a cut subscriber is told of the gap and hears again`(isPattern: Bool) async throws {
        try await withFaultyClient { server, proxy, client in
            let subscription = try await client.subscribe(
                channels: isPattern ? [] : ["news"], patterns: isPattern ? ["ne*"] : [])
            proxy.cut(reset: true)
            try await expectGapThenMessage(deliver(server, to: subscription))
        }
    }

    @Test func `what was published before the cut arrives before the gap`() async throws {
        try await withFaultyClient { server, proxy, client in
            let subscription = try await client.subscribe(channels: ["news"])
            try server("PUBLISH", "news", "before")
            let first = try await within { await subscription.nextEvent() }
            guard case .message(let message) = first else {
                Issue.record("no message: \(String(describing: first))")
                return
            }
            #expect(message.payload == Array("before".utf8))
            proxy.cut()
            try await expectGapThenMessage(deliver(server, to: subscription))
        }
    }

    @Test func `a restarted server is subscribed again`() async throws {
        try await withRedisServer { server in
            try await withClient(impatient(server.tcp)) { client in
                let subscription = try await client.subscribe(channels: ["news", "other"], patterns: ["audit.*"])
                try await server.restart()
                try await expectGapThenMessage(deliver(server, to: subscription))
                #expect(try server("PUBSUB", "NUMPAT") == 1)
            }
        }
    }

    @Test func `every subscription of the client is told of the gap, once`() async throws {
        try await withFaultyClient { server, proxy, client in
            let first = try await client.subscribe(channels: ["news"])
            let second = try await client.subscribe(channels: ["news", "more"])
            proxy.cut()
            for subscription in [first, second] { try await expectGapThenMessage(deliver(server, to: subscription)) }
        }
    }

    @Test func `a silent subscriber connection is found by the nonce that does not come back`() async throws {
        try await withFaultyClient(configure: restless(.milliseconds(50))) { server, proxy, client in
            let subscription = try await client.subscribe(channels: ["news"])
            proxy.silence(connectionsThatSent: "SUBSCRIBE")
            let gap = try await within { await subscription.nextEvent() }
            guard case .gap = gap else {
                Issue.record("no gap: \(String(describing: gap))")
                return
            }
            _ = try await deliver(server, to: subscription)
            // A PING's answer would never reach a subscribed hiredis 0.14 connection.
            #expect(try server.clients().allSatisfy { ($0["sub"] == "0" && $0["psub"] == "0") || $0["cmd"] != "ping" })
        }
    }

    @Test func `a subscription that stays quiet is not given up while its nonces come back`() async throws {
        try await withFaultyClient(configure: restless(.milliseconds(250))) { server, proxy, client in
            // A process that is held up for a period gives up a good connection: then it is observed again.
            try await eventually("four heartbeats and the message alone") {
                let subscription = try await client.subscribe(channels: ["news"])
                let (accepted, published) = (proxy.accepted, try server.calls(of: "publish"))
                try await eventually("four heartbeats") { try server.calls(of: "publish") >= published + 4 }
                let events = try await deliver(server, to: subscription)
                // The control connection, opened for the first nonce, may be the one more.
                return events.count == 1 && proxy.accepted <= accepted + 1
            }
        }
    }

    @Test func `a subscription waits for a server that refuses connections`() async throws {
        try await withRedisServer { server in
            try await withFaultProxy(to: server.tcp) { proxy in
                proxy.set(.refuse)
                try await withLazyClient(impatient(proxy.address)) { client in
                    let subscribing = Task { try await client.subscribe(channels: ["news"]) }
                    proxy.set(.pass)
                    let subscription = try await within { try await subscribing.value }
                    #expect(try await deliver(server, to: subscription).count == 1)
                }
            }
        }
    }

    @Test func `a confirmation lost with its connection comes over the next one`() async throws {
        try await withFaultyClient { server, proxy, client in
            proxy.set(.cutBeforeReply(match: "SUBSCRIBE news"))
            let subscription = try await within { try await client.subscribe(channels: ["news"]) }
            _ = try await deliver(server, to: subscription)
        }
    }

    @Test func `subscribing to a silent peer fails at the deadline and leaves nothing`() async throws {
        try await withFaultyClient(configure: { $0.commandTimeout = .milliseconds(200) }) { server, proxy, client in
            proxy.set(.blackHole)
            let error = try await failure { try await client.subscribe(channels: ["news"]) }
            #expect(error?.code == .timedOut)
            proxy.set(.pass)
            proxy.cut()
            try await eventually("no subscription to it") { try server("PUBSUB", "NUMSUB", "news").array?.last == 0 }
        }
    }

    @Test func `a cancelled subscribe leaves no subscription behind`() async throws {
        try await withFaultyClient { server, proxy, client in
            let other = try await client.subscribe(channels: ["other"])
            server.pause()
            let subscribing = Task { try await client.subscribe(channels: ["news"]) }
            try await eventually("it is on its way") { proxy.commands(containing: "SUBSCRIBE news") == 1 }
            subscribing.cancel()
            #expect(try await failure { try await subscribing.value }?.code == .cancelled)
            server.resume()
            try await eventually("unsubscribed") { try server("PUBSUB", "NUMSUB", "news").array?.last == 0 }
            #expect(try await deliver(server, to: other, channel: "other").count == 1)
        }
    }

    @Test func `cancelling the reading task ends its loop and not the subscription's connection`() async throws {
        try await withFaultyClient { server, proxy, client in
            let subscription = try await client.subscribe(channels: ["news"])
            let reading = Task { await subscription.nextEvent() == nil }
            reading.cancel()
            #expect(try await within { await reading.value })
            #expect(try await deliver(server, to: subscription).count == 1)
        }
    }

    @Test(arguments: [
        "!garbage\r\n", ":1\r\n", "*2\r\n$7\r\nmessage\r\n$4\r\nnews\r\n", "*3\r\n:1\r\n:2\r\n:3\r\n", "$3\r\nabc\r\n",
    ])
    func `garbage on the subscriber connection is a gap, not a crash`(garbage: String) async throws {
        try await withFaultyClient { server, proxy, client in
            let subscription = try await client.subscribe(channels: ["news"])
            proxy.set(.garbage(Array(garbage.utf8)))
            try server("PUBLISH", "news", "lost")
            try await proxy.faultDone.wait(within: .seconds(60))
            try await expectGapThenMessage(deliver(server, to: subscription))
        }
    }

    @Test func `letting go of a subscription unsubscribes`() async throws {
        try await withFaultyClient { server, proxy, client in
            var subscription: RedisSubscription? = try await client.subscribe(channels: ["news"], patterns: ["n*"])
            #expect(subscription != nil)
            #expect(try server("PUBSUB", "NUMPAT") == 1)
            subscription = nil
            try await eventually("unsubscribed") {
                try server("PUBSUB", "NUMSUB", "news").array?.last == 0 && server("PUBSUB", "NUMPAT") == 0
            }
        }
    }

    @Test func `subscribing and leaving while the connection is cut again and again ends consistent`() async throws {
        try await withFaultyClient { server, proxy, client in
            let steady = try await client.subscribe(channels: ["steady"])
            try await withThrowingTaskGroup(of: Void.self) { group in
                for index in 0..<8 {
                    group.addTask {
                        for round in 0..<10 {
                            let subscription = try await client.subscribe(channels: ["shared", "own:\(index):\(round)"])
                            await subscription.cancel()
                        }
                    }
                }
                for _ in 0..<10 {
                    proxy.cut()
                    _ = try await client.command(RedisCommand("PING"))
                }
                try await group.waitForAll()
            }
            try await eventually("only the steady one is left") {
                let channels = try server("PUBSUB", "CHANNELS", "*").strings
                return channels.filter { !$0.contains("heartbeat") } == ["steady"]
            }
            _ = try await deliver(server, to: steady, channel: "steady")
        }
    }
}

extension RedisSubscription {
    /// The next event, for tests that read one at a time.
    func nextEvent() async -> SubscriptionEvent? { await makeAsyncIterator().next() }
}
