import RedisCore
import TestSupport
import Testing

@Suite struct `A subscription` {
    private func texts(_ subscription: RedisSubscription, _ count: Int) async throws -> [String] {
        try await within {
            var texts: [String] = []
            while texts.count < count, let events = await subscription.nextBatch(max: count - texts.count) {
                for case .message(let message) in events {
                    texts.append(String(decoding: message.payload, as: UTF8.self))
                }
            }
            return texts
        }
    }

    private func next(_ subscription: RedisSubscription) async throws -> SubscriptionMessage? {
        try await within {
            guard case .message(let message) = await subscription.first() else { return nil }
            return message
        }
    }

    @Test func `hears its channels and patterns, and tells which`() async throws {
        try await withRedisServer { server in
            try await withClient(impatient(server.unix)) { redis in
                let subscription = try await redis.subscribe(channels: ["news"], patterns: ["n?ws", "other*"])
                #expect(try await redis.publish("hello", to: "news") == 2)
                let messages = [try await next(subscription), try await next(subscription)].compactMap(\.self)
                #expect(messages.map(\.channel) == ["news", "news"])
                #expect(Set(messages.map(\.pattern)) == [nil, "n?ws"])
                #expect(messages.allSatisfy { $0.payload == Array("hello".utf8) })
                #expect(try await redis.publish("x", to: "nobody") == 0)
            }
        }
    }

    @Test func `carries any bytes, none, and ten million`() async throws {
        try await withRedisServer { server in
            try await withClient(impatient(server.unix)) { redis in
                let subscription = try await redis.subscribe(channels: ["c"])
                let payloads: [[UInt8]] = [[], [0, 255, 13, 10], [UInt8](repeating: 7, count: 10_000_000)]
                for payload in payloads { try await redis.publish(payload, to: "c") }
                for payload in payloads {
                    let message = try await next(subscription)
                    #expect(message?.payload == payload)
                }
            }
        }
    }

    @Test(arguments: [
        "a b", "a\r\nb", "a\u{0}b", "caf\u{E9}", "cafe\u{301}", "🚂", String(repeating: "x", count: 70_000),
    ])
    func `takes any name`(name: String) async throws {
        try await withRedisServer { server in
            try await withClient(impatient(server.unix)) { redis in
                let subscription = try await redis.subscribe(channels: [name])
                #expect(try await redis.publish("hello", to: name) == 1)
                let message = try await next(subscription)
                #expect(message.map { Array($0.channel.utf8) } == Array(name.utf8))
                await subscription.cancel()
                try await eventually("unsubscribed") { try server.subscriptionsLeft().allSatisfy(isHeartbeat) }
            }
        }
    }

    @Test func `keeps two channels apart that only look alike`() async throws {
        try await withRedisServer { server in
            try await withClient(impatient(server.unix)) { redis in
                let subscription = try await redis.subscribe(channels: ["caf\u{E9}", "cafe\u{301}"])
                #expect(try await redis.publish("1", to: "caf\u{E9}") == 1)
                #expect(try await redis.publish("2", to: "cafe\u{301}") == 1)
                #expect(try await texts(subscription, 2) == ["1", "2"])
            }
        }
    }

    @Test func `takes and gives up names while it runs`() async throws {
        try await withRedisServer { server in
            try await withClient(impatient(server.unix)) { redis in
                let subscription = try await redis.subscribe(channels: ["a"])
                try await subscription.add(channels: ["b"], patterns: ["c*"])
                for channel in ["a", "b", "c1"] { try await redis.publish(channel, to: channel) }
                #expect(try await texts(subscription, 3) == ["a", "b", "c1"])
                await subscription.remove(channels: ["a"], patterns: ["c*"])
                try await eventually("given up") { try server("PUBSUB", "NUMSUB", "a") == .array(["a", 0]) }
                try await eventually("given up") { try server("PUBSUB", "NUMPAT") == 0 }
                #expect(try await redis.publish("b2", to: "b") == 1)
                #expect(try await texts(subscription, 1) == ["b2"])
            }
        }
    }

    @Test func `shares one connection, and each name, with all others of its client`() async throws {
        try await withRedisServer { server in
            try await withClient(impatient(server.unix) { $0.clientName = "shared" }) { redis in
                var subscriptions: [RedisSubscription] = []
                for number in 0..<200 {
                    subscriptions.append(try await redis.subscribe(channels: ["all", "own:\(number)"]))
                }
                #expect(try server.clients().count { $0["name"] == "shared:subscriber" } == 1)
                #expect(try await redis.publish("x", to: "all") == 1)
                for subscription in subscriptions { #expect(try await texts(subscription, 1) == ["x"]) }
                for subscription in subscriptions.dropFirst() { await subscription.cancel() }
                try await eventually("the others are gone") {
                    try server.subscriptionsLeft().filter { !isHeartbeat($0) } == ["all", "own:0"]
                }
                try await redis.publish("y", to: "all")
                #expect(try await texts(subscriptions[0], 1) == ["y"])
            }
        }
    }

    @Test func `is not lost when another leaves the same name at the same time`() async throws {
        try await withRedisServer { server in
            try await withClient(impatient(server.unix)) { redis in
                try await withThrowingTaskGroup { group in
                    for task in 0..<8 {
                        group.addTask {
                            for round in 0..<50 {
                                let subscription = try await redis.subscribe(channels: ["contended"])
                                // Confirmed: whatever the others do meanwhile, this must arrive.
                                let mine = "\(task):\(round)"
                                try await redis.publish(mine, to: "contended")
                                var heard: String?
                                while heard != mine { heard = try await texts(subscription, 1).first }
                                await subscription.cancel()
                            }
                        }
                    }
                    try await group.waitForAll()
                }
            }
        }
    }

    @Test func `loses nothing while reading waits for a slow consumer`() async throws {
        try await withRedisServer { server in
            try await withClient(impatient(server.unix)) { redis in
                let buffer = SubscriptionBuffer(capacity: 16, overflow: .blockReading)
                let subscription = try await redis.subscribe(channels: ["flood"], buffer: buffer)
                let payload = [UInt8](repeating: 1, count: 1_000)
                _ = try await redis.pipeline((0..<5_000).map { _ in RedisCommand("PUBLISH", "flood", payload) })
                try await redis.publish("end", to: "flood")
                let count = try await within {
                    var count = 0
                    for await case .message(let message) in subscription {
                        if message.payload.count == 3 { break }
                        count += 1
                    }
                    return count
                }
                #expect(count == 5_000)
                #expect(subscription.dropped == 0)
            }
        }
    }

    @Test func `hands out what it has when it is finished, and nothing when it is cancelled`() async throws {
        try await withRedisServer { server in
            try await withClient(impatient(server.unix)) { redis in
                let finished = try await redis.subscribe(channels: ["c"])
                let cancelled = try await redis.subscribe(channels: ["c"])
                let witness = try await redis.subscribe(channels: ["c"])
                try await redis.publish("1", to: "c")
                #expect(try await texts(witness, 1) == ["1"])
                await finished.finish()
                await cancelled.cancel()
                #expect(try await texts(finished, 2) == ["1"])
                #expect(try await texts(cancelled, 1).isEmpty)
                await finished.finish()
                await cancelled.cancel()
            }
        }
    }

    @Test func `is refused where the ACL forbids the channel, and others go on`() async throws {
        try await withRedisServer { server in
            try server("ACL", "SETUSER", "ada", "on", ">pw", "~*", "resetchannels", "&open*", "&signalbox:*", "+@all")
            let configuration = impatient(server.unix) {
                $0.username = "ada"
                $0.password = Secret("pw")
            }
            try await withClient(configuration) { redis in
                let open = try await redis.subscribe(channels: ["open"])
                let error = await #expect(throws: RedisError.self) { try await redis.subscribe(channels: ["closed"]) }
                #expect(error?.code == .noPermission)
                // Until the gap has ended, a message may still go to the connection that the server has ended.
                guard case .gap = await open.makeAsyncIterator().next() else {
                    Issue.record("the other subscription was not told of the gap")
                    return
                }
                #expect(try await redis.publish("x", to: "open") == 1)
                #expect(try await texts(open, 1) == ["x"])
            }
        }
    }

    @Test func `needs a name, and no empty one`() async throws {
        let redis = RedisClient(RedisConfiguration(endpoint: .unix(path: "/nowhere")))
        for channels in [[], [""], ["a", ""]] {
            let error = await #expect(throws: RedisError.self) { try await redis.subscribe(channels: channels) }
            #expect(error?.code == .invalidArgument)
        }
        await redis.close()
        let closed = await #expect(throws: RedisError.self) { try await redis.subscribe(channels: ["a"]) }
        #expect(closed?.code == .closed)
    }

    @Test func `shows in the client's health by its heartbeat`() async throws {
        try await withRedisServer { server in
            try await withClient(impatient(server.unix)) { redis in
                let before = await redis.health()
                #expect(before.subscriberHeartbeatAge == nil)
                let subscription = try await redis.subscribe(channels: ["c"])
                let after = await redis.health()
                #expect(after.subscriberHeartbeatAge != nil)
                await subscription.cancel()
            }
        }
    }
}

private func isHeartbeat(_ channel: String) -> Bool { channel.contains(":heartbeat:") }

extension RedisSubscription {
    fileprivate func first() async -> SubscriptionEvent? {
        await makeAsyncIterator().next()
    }
}
