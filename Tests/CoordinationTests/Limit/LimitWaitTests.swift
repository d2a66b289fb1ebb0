import RedisCore
import TestSupport
import Testing

@testable import Coordination

@Suite struct LimitWaitTests {
    @Test func `a call waits until it is admitted`() async throws {
        try await withRedis { server, redis in
            let limiter = try RateLimiter(redis, limit: 2, per: .milliseconds(300), timeout: .seconds(60))
            try server("CONFIG", "RESETSTAT")
            for _ in 0..<6 { #expect(try await limiter.acquire("a").isAllowed) }
            // Six admitted, and about one refusal for each that had to wait: no polling.
            #expect(try server.calls(of: "evalsha") <= 14)
        }
    }

    @Test func `waiters of a process are served in order of arrival`() async throws {
        try await withRedis { _, redis in
            // The first rule makes them wait; what the second one leaves tells in which order they were admitted.
            let rules = [try RateLimit(1, per: .milliseconds(40)), try RateLimit(9, per: .seconds(600))]
            let limiter = try RateLimiter(redis, rules, timeout: .seconds(60))
            _ = try await limiter.check("a")
            // Nobody is served before all stand in line.
            let gate = TestSignal()
            let head = Task {
                _ = try await limiter.lines.inTurn("a", until: nil, on: redis.eventLoop) {
                    try await gate.wait(within: .seconds(120))
                }
            }
            try await eventually("the head stands in line") { limiter.lines.waiting(for: "a") == 1 }
            let order = Notes<(left: Int, number: Int)>()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<8 {
                    group.addTask {
                        let verdict = try await limiter.acquire("a", wait: .seconds(120))
                        order.add((verdict.statuses[1].remaining, number))
                    }
                    try await eventually("in line") { limiter.lines.waiting(for: "a") == number + 2 }
                }
                gate.fire()
                try await group.waitForAll()
            }
            try await head.value
            let admitted = order.all.sorted { $0.left > $1.left }
            #expect(admitted.map { $0.left } == Array((0..<8).reversed()))
            #expect(admitted.map { $0.number } == Array(0..<8))
            #expect(limiter.lines.waiting(for: "a") == 0)
        }
    }

    @Test func `who cannot be admitted in time is told at once`() async throws {
        try await withRedis { _, redis in
            let limiter = try RateLimiter(redis, limit: 1, per: .seconds(600), timeout: .seconds(60))
            _ = try await limiter.check("a")
            let verdict = try await limiter.acquire("a", wait: .seconds(300))
            #expect(verdict.retryAfter ?? .zero > .seconds(300))
            #expect(try await limiter.acquire("a", wait: .zero).isAllowed == false)
            #expect(try await limiter.acquire("a", cost: 2, wait: nil).outcome == .neverAllowed)
            await expectError(.invalidArgument) { try await limiter.acquire("a", wait: .seconds(-1)) }
        }
    }

    @Test func `who comes to a line that cannot move in time does not join it`() async throws {
        try await withRedis { _, redis in
            let limiter = try RateLimiter(redis, limit: 1, per: .seconds(600), timeout: .seconds(60))
            _ = try await limiter.check("a")
            let head = Task { try await limiter.acquire("a", wait: nil) }
            try await eventually("the refusal is known") { try await limiter.check("a").source == .denyCache }
            let second = try await limiter.acquire("a", wait: .seconds(300))
            #expect(second.source == .denyCache && second.retryAfter ?? .zero > .seconds(300))
            head.cancel()
            await #expect(throws: CancellationError.self) { try await head.value }
        }
    }

    @Test func `a wait can end in the line, and the line goes on`() async throws {
        try await withRedis { _, redis in
            let limiter = try RateLimiter(redis, limit: 1, per: .seconds(600), denyCache: false, timeout: .seconds(60))
            _ = try await limiter.check("a")
            let head = Task { try await limiter.acquire("a", wait: nil) }
            try await eventually("the head waits") { limiter.lines.waiting(for: "a") == 1 }
            let second = try await limiter.acquire("a", wait: .milliseconds(50))
            #expect(!second.isAllowed && second.retryAfter != nil)
            #expect(limiter.lines.waiting(for: "a") == 1)
            let third = Task { try await limiter.acquire("a", wait: nil) }
            try await eventually("behind the head") { limiter.lines.waiting(for: "a") == 2 }
            third.cancel()
            await #expect(throws: CancellationError.self) { try await third.value }
            head.cancel()
            await #expect(throws: CancellationError.self) { try await head.value }
            #expect(limiter.lines.waiting(for: "a") == 0)
        }
    }

    @Test func `a cancelled head lets the next one ask`() async throws {
        try await withRedis { _, redis in
            let limiter = try RateLimiter(redis, limit: 3, per: .seconds(600), timeout: .seconds(60))
            _ = try await limiter.check("a", cost: 2)
            let head = Task { try await limiter.acquire("a", cost: 3) }
            try await eventually("the head waits") { limiter.lines.waiting(for: "a") == 1 }
            let next = Task { try await limiter.acquire("a") }
            try await eventually("behind the head") { limiter.lines.waiting(for: "a") == 2 }
            head.cancel()
            #expect(try await next.value.isAllowed)
        }
    }

    @Test func `an open policy admits who waits`() async throws {
        try await withRedis { server, redis in
            let limiter = try RateLimiter(redis, limit: 1, per: .seconds(600), timeout: .seconds(60))
            try server("CONFIG", "SET", "maxmemory", "1")
            #expect(try await limiter.acquire("a", wait: .seconds(20)).source == .failurePolicy)
        }
    }

    // MARK: The declarative form

    struct Mail: Sendable { let to: String }

    @Test func `a limited function runs as often as its limit allows`() async throws {
        try await withRedisServer(.init(checksLeaks: true)) { server in
            let log = LogLines()
            let redis = RedisClient(server.configuration, logger: log.logger)
            // Verdicts may take a second; on a busy machine the failure policy decides, which says nothing: once more.
            for round in 1...10 {
                let failures = log.count(of: "failure policy decides")
                let sent = Notes<String>()
                let (ada, bob) = ("ada \(round)", "bob \(round)")
                @RateLimited(redis, key: { (mail: Mail) in "mail:\(mail.to)" }, limit: 2, window: "10m")
                var send: @Sendable (Mail) async throws -> Int = { mail in
                    sent.add(mail.to)
                    return sent.all.count
                }
                let first = try await send(Mail(to: ada))
                let second = try await send(Mail(to: ada))
                var refused: CoordinationError?
                do {
                    _ = try await send(Mail(to: ada))
                } catch let error as CoordinationError {
                    refused = error
                }
                let other = try? await send(Mail(to: bob))
                guard log.count(of: "failure policy decides") == failures else { continue }
                #expect(first == 1 && second == 2)
                #expect(refused?.code == .rateLimited)
                #expect(refused?.verdict?.retryAfter ?? .zero > .seconds(500))
                #expect(other == 3)
                #expect(sent.all == [ada, ada, bob])
                await redis.close()
                return
            }
            fail("every round took too long")
            await redis.close()
        }
    }

    @Test func `a window that is none is an error of every call`() async throws {
        try await withRedis { _, redis in
            @RateLimited(redis, key: { (_: Int) in "a" }, limit: 2, window: "1 minute")
            var work: @Sendable (Int) async throws -> Int = { $0 }
            await expectError(.invalidArgument) { try await work(1) }
        }
    }

    @Test func `a body under a limiter`() async throws {
        try await withRedis { _, redis in
            struct Failure: Error {}
            let limiter = try RateLimiter(redis, limit: 1, per: .seconds(600), timeout: .seconds(60))
            await #expect(throws: Failure.self) { try await limiter.limited("a") { throw Failure() } }
            let error = await expectError(.rateLimited) { try await limiter.limited("a") { 1 } }
            #expect(error?.verdict?.isAllowed == false)
            let short = try RateLimiter(redis, limit: 1, per: .milliseconds(100), timeout: .seconds(60))
            _ = try await short.check("a")
            #expect(try await short.limited("a", wait: .seconds(60)) { 2 } == 2)
            let never = await expectError(.rateLimited) { try await limiter.limited("a", cost: 2, wait: nil) { 1 } }
            #expect(never?.verdict?.outcome == .neverAllowed)
            @RateLimited(limiter, key: { (_: Int) in "b" })
            var work: @Sendable (Int) async throws -> Int = { $0 + 1 }
            let result = try await work(1)
            #expect(result == 2)
        }
    }
}
