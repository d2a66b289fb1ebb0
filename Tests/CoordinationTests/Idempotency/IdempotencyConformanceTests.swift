import RedisCore
import TestSupport
import Testing

@testable import Coordination

/// What every store has to keep, held against both.
@Suite struct IdempotencyConformanceTests {
    enum Kind: CaseIterable { case redis, memory }
    private struct Failure: Error {}

    private let one = RequestFingerprint(method: "POST", path: "/orders", body: Array("1".utf8))
    private let two = RequestFingerprint(method: "POST", path: "/orders", body: Array("2".utf8))
    private let answer = StoredResponse(
        status: 201, headers: [.init("Location", "/orders/7"), .init("X", "a\nb: \u{e4}")], body: [0, 10, 255])

    private func with(
        _ kind: Kind, retention: Duration = .seconds(600), _ body: (any IdempotencyStore) async throws -> Void
    ) async throws {
        switch kind {
        case .memory: try await body(InMemoryIdempotencyStore(retention: retention))
        case .redis:
            try await withRedis { _, redis in try await body(RedisIdempotencyStore(redis, retention: retention)) }
        }
    }

    @Test(arguments: Kind.allCases)
    func `the same request gets the same answer, byte for byte`(kind: Kind) async throws {
        try await with(kind) { store in
            let idempotency = Idempotency(store)
            let runs = Notes<Int>()
            var results: [Idempotency.Result] = []
            for number in 0..<3 {
                results.append(
                    try await idempotency.run(key: "k", one) { [answer] in
                        runs.add(number)
                        return answer
                    })
            }
            #expect(results == [.handled(answer), .replayed(answer), .replayed(answer)])
            #expect(runs.all == [0])
        }
    }

    @Test(arguments: Kind.allCases)
    func `the same key with another request is reused, also while the first runs`(kind: Kind) async throws {
        try await with(kind) { store in
            let idempotency = Idempotency(store)
            let inside = Notes<Idempotency.Result>()
            _ = try await idempotency.run(key: "k", one) { [answer, two] in
                inside.add(try await idempotency.run(key: "k", two) { answer })
                return answer
            }
            let after = try await idempotency.run(key: "k", two) { [answer] in answer }
            #expect(inside.all == [.keyReused] && after == .keyReused)
            let other = try await idempotency.run(key: "other", two) { [answer] in answer }
            #expect(other == .handled(answer))
        }
    }

    @Test(arguments: Kind.allCases)
    func `a second request is a conflict, or waits for the answer`(kind: Kind) async throws {
        try await with(kind) { store in
            let running = TestSignal()
            let finish = TestSignal()
            let first = Task { [one, answer] in
                try await Idempotency(store).run(key: "k", one) {
                    running.fire()
                    try await finish.wait(within: .seconds(120))
                    return answer
                }
            }
            try await running.wait()
            let conflict = try await Idempotency(store).run(key: "k", one) { [answer] in answer }
            #expect(conflict == .conflict)
            let late = try await Idempotency(store, wait: .milliseconds(50)).run(key: "k", one) { [answer] in answer }
            #expect(late == .conflict)
            let waiters = (0..<3).map { _ in
                Task { [one, answer] in
                    try await Idempotency(store, wait: .seconds(120)).run(key: "k", one) { answer }
                }
            }
            let cancelled = Task { [one, answer] in
                try await Idempotency(store, wait: .seconds(120)).run(key: "k", one) { answer }
            }
            cancelled.cancel()
            await #expect(throws: CancellationError.self) { try await cancelled.value }
            finish.fire()
            for waiter in waiters {
                let result = try await waiter.value
                #expect(result == .replayed(answer))
            }
            let result = try await first.value
            #expect(result == .handled(answer))
        }
    }

    @Test(arguments: Kind.allCases)
    func `a handler that throws, and an answer that is not kept, free the key`(kind: Kind) async throws {
        try await with(kind) { store in
            let idempotency = Idempotency(store)
            await #expect(throws: Failure.self) { try await idempotency.run(key: "k", one) { throw Failure() } }
            let broken = StoredResponse(status: 503)
            let first = try await idempotency.run(key: "k", one) { broken }
            #expect(first == .handled(broken))
            let second = try await idempotency.run(key: "k", one) { [answer] in answer }
            #expect(second == .handled(answer))
            // A refused request is an answer like any other.
            let refused = StoredResponse(status: 422)
            let third = try await idempotency.run(key: "l", two) { refused }
            let fourth = try await idempotency.run(key: "l", two) { [answer] in answer }
            #expect(third == .handled(refused) && fourth == .replayed(refused))
        }
    }

    @Test(arguments: Kind.allCases)
    func `an answer that is too long is given once and not made again`(kind: Kind) async throws {
        try await with(kind) { store in
            let idempotency = Idempotency(store, longestResponse: 100)
            let long = StoredResponse(status: 200, body: Array(repeating: 7, count: 200))
            let first = try await idempotency.run(key: "k", one) { long }
            let second = try await idempotency.run(key: "k", one) { long }
            #expect(first == .handled(long) && second == .unavailable)
        }
    }

    @Test(arguments: Kind.allCases)
    func `after its time a key is free, for any request`(kind: Kind) async throws {
        try await with(kind, retention: .milliseconds(30)) { store in
            let idempotency = Idempotency(store)
            _ = try await idempotency.run(key: "k", one) { [answer] in answer }
            try await eventually("free") {
                try await idempotency.run(key: "k", two) { [answer] in answer } == .handled(answer)
            }
        }
    }

    @Test(arguments: Kind.allCases)
    func `keys that are no keys are refused`(kind: Kind) async throws {
        try await with(kind) { store in
            for key in ["", String(repeating: "x", count: 1_025)] {
                await expectError(.invalidArgument) {
                    try await Idempotency(store).run(key: key, one) { [answer] in answer }
                }
            }
        }
    }

    @Test(arguments: Kind.allCases)
    func `of a hundred at once one is handled`(kind: Kind) async throws {
        try await with(kind) { store in
            let runs = Notes<Int>()
            let results = try await withThrowingTaskGroup(of: Idempotency.Result.self) { group in
                for number in 0..<100 {
                    group.addTask { [one, answer] in
                        try await Idempotency(store, wait: .seconds(120)).run(key: "k", one) {
                            runs.add(number)
                            await Task.yield()
                            return answer
                        }
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(runs.all.count == 1)
            #expect(results.count { $0 == .handled(answer) } == 1)
            #expect(results.count { $0 == .replayed(answer) } == 99)
        }
    }
}
