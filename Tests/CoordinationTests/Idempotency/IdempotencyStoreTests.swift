import RedisCore
import TestSupport
import Testing

@testable import Coordination

@Suite struct IdempotencyStoreTests {
    private let key = "signalbox:idem:{k}"
    private let print = RequestFingerprint(method: "POST", path: "/", body: [])
    private let answer = StoredResponse(status: 200, body: [1])

    @Test func `a crashed handler's request is handled again`() async throws {
        try await withRedis { _, redis in
            let _: [RedisValue] = try await redis.evaluate(
                OnceScripts.claim, keys: [RedisKey(key)],
                arguments: ["dead", 300, 60_000, "dead", 0, print.text])
            let result = try await Idempotency(RedisIdempotencyStore(redis), wait: .seconds(60)).run(key: "k", print) {
                [answer] in answer
            }
            #expect(result == .handled(answer))
        }
    }

    @Test func `a handler that lost its claim does not answer`() async throws {
        try await withRedis { server, redis in
            let idempotency = Idempotency(RedisIdempotencyStore(redis))
            await expectError(.lockLost) {
                try await idempotency.run(key: "k", print) { [answer] in
                    try server("HSET", "signalbox:idem:{k}", "token", "other")
                    return answer
                }
            }
        }
    }

    @Test(arguments: [false, true], ["claim", "finish"])
    func `a lost reply leaves one answer`(executed: Bool, step: String) async throws {
        try await withRedisServer(.init(checksLeaks: true)) { server in
            try server.load(OnceScripts.claim, OnceScripts.finish)
            try await withFaultProxy(to: server.tcp) { proxy in
                try await withClient(proxy.configuration) { redis in
                    let script = step == "claim" ? OnceScripts.claim.sha : OnceScripts.finish.sha
                    proxy.set(executed ? .cutBeforeReply(match: script) : .cutBeforeSend(match: script))
                    let runs = Notes<Int>()
                    let idempotency = Idempotency(RedisIdempotencyStore(redis))
                    for _ in 0..<2 {
                        _ = try await idempotency.run(key: "k", print) { [answer] in
                            runs.add(1)
                            return answer
                        }
                    }
                    #expect(proxy.faultDone.count == 1)
                    #expect(runs.all.count == 1)
                }
            }
        }
    }

    @Test func `an outage is an error and not a first request`() async throws {
        try await withRedis { server, redis in
            try server("CONFIG", "SET", "maxmemory", "1")
            await expectError(.unavailable) {
                try await Idempotency(RedisIdempotencyStore(redis)).run(key: "k", print) { [answer] in answer }
            }
        }
    }

    @Test func `the one in memory is bounded`() async throws {
        let idempotency = Idempotency(InMemoryIdempotencyStore(capacity: 10))
        for number in 0..<100 { _ = try await idempotency.run(key: "\(number)", print) { [answer] in answer } }
        // From the newest on, since those that are handled again push out others.
        for number in (0..<100).reversed() {
            let result = try await idempotency.run(key: "\(number)", print) { [answer] in answer }
            #expect(result == (number >= 90 ? .replayed(answer) : .handled(answer)))
        }
    }

    @Test func `the one in memory forgets for room what would be forgotten first, and none that was handled again`()
        async throws
    {
        let store = InMemoryIdempotencyStore(retention: .milliseconds(1), capacity: 3)
        let idempotency = Idempotency(store)
        let runs = Notes<Int>()
        // Handled again each time its answer is over: many ends of one key.
        try await eventually("its answer was over ten times", within: .seconds(120)) {
            _ = try await idempotency.run(key: "a", print) { [answer] in
                runs.add(1)
                return answer
            }
            return runs.all.count > 10
        }
        #expect(store.remembered == 1)
        for number in 0..<10 { _ = try await idempotency.run(key: "\(number)", print) { [answer] in answer } }
        #expect(store.remembered == 3)
    }

    @Test func `a handler is cancelled with its caller`() async throws {
        try await withRedis { _, redis in
            for store in [InMemoryIdempotencyStore(), RedisIdempotencyStore(redis)] as [any IdempotencyStore] {
                let running = TestSignal()
                let caller = Task { [print, answer] in
                    try await Idempotency(store).run(key: "k", print) {
                        running.fire()
                        try await TestSignal("never").wait(within: .seconds(600))
                        return answer
                    }
                }
                try await running.wait()
                caller.cancel()
                await #expect(throws: CancellationError.self) { try await caller.value }
            }
        }
    }

    @Test func `stored answers read back, and other bytes do not`() {
        #expect(answer.stored.flatMap(StoredResponse.init(stored:)) == answer)
        #expect(StoredResponse(stored: Array("{}".utf8)) == nil)
        #expect(StoredResponse(stored: Array("{}\n".utf8)) == nil)
        #expect(StoredResponse(stored: []) == nil)
    }
}
