import RedisCore
import TestSupport
import Testing

@testable import Cache

@Suite struct CountersTests {
    @Test func `counts go up and down, below zero too, and are read at once`() async throws {
        try await withRedis(immortalByDesign) { server, redis in
            let counters = Counters(redis, name: "views", options: .unhurried)
            #expect(try await counters.get("home") == nil)
            #expect(try await counters.increment("home") == 1)
            #expect(try await counters.increment("home", by: 41) == 42)
            #expect(try await counters.decrement("home", by: 50) == -8)
            #expect(try await counters.increment("about", by: 3) == 3)
            let before = try server.calls(of: "mget")
            #expect(try await counters.getMany(["home", "about", "none"]) == ["home": -8, "about": 3])
            #expect(try server.calls(of: "mget") == before + 1)
            #expect(try await counters.getMany([]) == [:])
            #expect(try server("GET", "signalbox:counter:{views:home}") == "-8")
        }
    }

    @Test func `numbers have 64 bits and never wrap`() async throws {
        try await withRedis(immortalByDesign) { _, redis in
            // With a time to live the count passes through Lua, whose numbers have 53 bits.
            for options in [CountersOptions.unhurried, .init(ttl: .after(.seconds(60)), timeout: .seconds(60))] {
                let counters = Counters(redis, name: options.ttl == .never ? "a" : "b", options: options)
                #expect(try await counters.increment("n", by: .max - 1) == .max - 1)
                #expect(try await counters.increment("n") == .max)
                await expectError(.outOfRange) { try await counters.increment("n") }
                #expect(try await counters.increment("n", by: 0, requestID: "r") == .max)
                await expectError(.outOfRange) { try await counters.increment("n", requestID: "s") }
                #expect(try await counters.get("n") == .max)
                try await counters.set("n", to: Int.min + 1)
                #expect(try await counters.decrement("n") == .min)
                await expectError(.outOfRange) { try await counters.decrement("n") }
                await expectError(.outOfRange) { try await counters.decrement("n", by: .min) }
            }
        }
    }

    @Test func `fractions are added, whole sums are read as either`() async throws {
        try await withRedis(immortalByDesign) { _, redis in
            let counters = Counters(redis, name: "score", options: .unhurried)
            func add(_ amount: Double, _ request: String? = nil) async throws -> Double {
                try await counters.increment("a", by: amount, requestID: request)
            }
            #expect(try await add(2.5) == 2.5)
            #expect(try await add(0.1) == 2.6)
            await expectError(.wrongType) { try await counters.increment("a", by: Int(1)) }
            await expectError(.wrongType) { try await counters.get("a") }
            let whole: Double = try await counters.decrement("a", by: 0.6)
            #expect(whole == 2)
            let next: Int = try await counters.increment("a", by: 1)
            #expect(next == 3)
            #expect(try await counters.get("a", as: Double.self) == Double(3))
            #expect(try await add(1e-7, "r") == 3.0000001)
            #expect(try await add(1e-7, "r") == 3.0000001)
            for wrong in [Double.nan, .infinity, -.infinity] {
                await expectError(.invalidArgument) { try await counters.increment("a", by: wrong) }
                await expectError(.invalidArgument) { try await counters.set("a", to: wrong) }
            }
        }
    }

    @Test func `it is set, set once, taken and forgotten`() async throws {
        try await withRedis(immortalByDesign) { _, redis in
            let counters = Counters(redis, name: "stock", options: .unhurried)
            #expect(try await counters.setIfAbsent("apples", to: 10))
            #expect(try await counters.setIfAbsent("apples", to: 99) == false)
            #expect(try await counters.getAndReset("apples") == 10)
            #expect(try await counters.getAndReset("apples") == nil)
            try await counters.set("apples", to: 5)
            #expect(try await counters.reset("apples"))
            #expect(try await counters.reset("apples") == false)
            #expect(try await counters.increment("apples") == 1)
        }
    }

    @Test func `a number with a null behind it is none, and stays`() async throws {
        try await withRedis(immortalByDesign) { server, redis in
            let counters = Counters(redis, name: "c", options: .unhurried)
            try await counters.set("a", to: 5)
            let key = try counters.redisKey("a").name
            try server("SET", key, "5\0abc", "KEEPTTL")
            await expectError(.wrongType) { try await counters.getAndReset("a", as: Double.self) }
            #expect(try server("STRLEN", key) == 5)
        }
    }

    @Test func `a time to live begins with the first count and is not prolonged`() async throws {
        try await withRedis { server, redis in
            let options = CountersOptions(ttl: .after(.seconds(60)), timeout: .seconds(60))
            let counters = Counters(redis, name: "hits", options: options)
            try await counters.increment("a")
            let key = try counters.redisKey("a").name
            #expect(try (1...60_000).contains(server("PTTL", key).int ?? 0))
            // What a shorter life shows best: the next count leaves it alone.
            try server("PEXPIRE", key, "30000")
            try await counters.increment("a", by: 2)
            try await counters.increment("a", by: 0.5)
            #expect(try (1...30_000).contains(server("PTTL", key).int ?? 0))
            try await counters.set("a", to: 1)
            #expect(try (30_001...60_000).contains(server("PTTL", key).int ?? 0))
            #expect(try await counters.setIfAbsent("b", to: 1))
            #expect(try server("PTTL", "signalbox:counter:{hits:b}") != -1)
        }
    }

    @Test func `✗ 001 INCR then EXPIRE left an immortal counter: one that has no end gets it with the next count`()
        async throws
    {
        try await withRedis { server, redis in
            let options = CountersOptions(ttl: .after(.seconds(60)), timeout: .seconds(60))
            let counters = Counters(redis, name: "calls", options: options)
            let key = try counters.redisKey("a")
            // As a process leaves it that dies between its two commands.
            try server("INCR", key.name)
            #expect(try await counters.increment("a") == 2)
            #expect(try server("PTTL", key.name) != -1)
        }
    }

    @Test func `✗ 004 increment applied the TTL per call or never: none unless asked for, once if it is`() async throws
    {
        try await withRedis(immortalByDesign) { server, redis in
            try await Counters(redis, name: "a", options: .unhurried).increment("x")
            #expect(try server("PTTL", "signalbox:counter:{a:x}") == -1)
            let mortal = Counters(redis, name: "b", options: .init(ttl: .after(.seconds(60)), timeout: .seconds(60)))
            for _ in 0..<3 { try await mortal.increment("x") }
            #expect(try server.calls(of: "pexpire") == 1)
        }
    }

    @Test func `a request's id counts once at one counter and is answered alike`() async throws {
        try await withRedis(immortalByDesign) { server, redis in
            let counters = Counters(redis, name: "orders", options: .unhurried)
            for _ in 0..<3 { #expect(try await counters.increment("a", by: 5, requestID: "order-{7}:*") == 5) }
            try await counters.increment("a")
            #expect(try await counters.increment("a", by: 5, requestID: "order-{7}:*") == 5)
            #expect(try await counters.get("a") == 6)
            #expect(try await counters.increment("b", requestID: "order-{7}:*") == 1)
            #expect(try await counters.getAndReset("a", requestID: "month") == 6)
            try await counters.increment("a", by: 3)
            #expect(try await counters.getAndReset("a", requestID: "month") == 6)
            #expect(try await counters.get("a") == 3)
            #expect(try await counters.getAndReset("none", requestID: "month") == nil)
            let mark = "signalbox:counter:{orders:a}:req:add:order-%7B7%7D:%2A"
            #expect(try (1...600_000).contains(server("PTTL", mark).int ?? 0))
        }
    }

    @Test func `one request may count and take, and each is answered for itself`() async throws {
        try await withRedis(immortalByDesign) { _, redis in
            let counters = Counters(redis, name: "orders", options: .unhurried)
            #expect(try await counters.increment("a", by: 5, requestID: "r") == 5)
            try await counters.increment("a")
            #expect(try await counters.getAndReset("a", requestID: "r") == 6)
            #expect(try await counters.get("a") == nil)
            #expect(try await counters.increment("a", by: 5, requestID: "r") == 5)
        }
    }

    @Test(arguments: [nil, "r"])
    func `what cannot be read is not taken`(request: String?) async throws {
        try await withRedis(immortalByDesign) { server, redis in
            let counters = Counters(redis, name: "c", options: .unhurried)
            let key = try counters.redisKey("a").name
            for text in ["2.5", "9223372036854775808", "-9223372036854775809", "many", ""] {
                try server("SET", key, text)
                await expectError(.wrongType) { try await counters.getAndReset("a", requestID: request) }
                #expect(try server("GET", key).string == text)
            }
            for text in ["many", "inf", "nan", " 1", "1e999"] {
                try server("SET", key, text)
                await expectError(.wrongType) {
                    try await counters.getAndReset("a", as: Double.self, requestID: request)
                }
                #expect(try server("GET", key).string == text)
            }
            for (number, value) in [Int.max, .min, 0, -7].enumerated() {
                try await counters.set("a", to: value)
                #expect(try await counters.getAndReset("a", requestID: request.map { "\($0)\(number)" }) == value)
                #expect(try await counters.get("a") == nil)
            }
            try await counters.set("a", to: -2.5e-3)
            #expect(try await counters.getAndReset("a", as: Double.self, requestID: request) == -2.5e-3)
            try server("RPUSH", key, "1")
            await expectError(.wrongType) { try await counters.getAndReset("a", requestID: request.map { "\($0)l" }) }
        }
    }

    @Test(arguments: [nil, "r"])
    func `what a type of one's own cannot read is not taken either`(request: String?) async throws {
        try await withRedis(immortalByDesign) { server, redis in
            let counters = Counters(redis, name: "c", options: .unhurried)
            let key = try counters.redisKey("a").name
            func take() async throws -> Even? { try await counters.getAndReset("a", as: Even.self, requestID: request) }
            for text in ["3", "2.0", "many", ""] {
                try server("SET", key, text)
                await expectError(.wrongType) { try await take() }
                #expect(try server("GET", key).string == text)
            }
            try await counters.set("a", to: Even(number: 4))
            #expect(try await take() == Even(number: 4))
            #expect(try server("EXISTS", key) == 0)
            try await counters.set("a", to: Even(number: 6))
            // The same request is answered the same, and takes nothing more.
            #expect(try await take() == Even(number: request == nil ? 6 : 4))
            #expect(try server("EXISTS", key) == (request == nil ? 0 : 1))
            #expect(try await counters.getAndReset("none", as: Even.self, requestID: request) == nil)
        }
    }

    /// Checked by its own type, a count must not change between the check and the taking.
    @Test(arguments: [3, 1_000])
    func `a type of one's own loses no count that comes between`(times: Int) async throws {
        try await withRedis(immortalByDesign) { server, redis in
            let counters = Counters(redis, name: "c", options: .unhurried)
            let key = try counters.redisKey("a").name
            try await counters.increment("a", by: 2)
            let checks = TestSignal("checks")
            let meddle: @Sendable () -> Void = {
                checks.fire()
                if checks.count <= times { _ = try? server("INCRBY", key, "2") }
            }
            try await Even.$whileChecked.withValue(meddle) { () async throws -> Void in
                if times == 3 {
                    #expect(try await counters.getAndReset("a", as: Even.self)?.number == 8)
                    #expect(try server("EXISTS", key) == 0)
                } else {
                    await expectError(.conflict) { try await counters.getAndReset("a", as: Even.self) }
                    #expect(try server("GET", key) == "202", "nothing was taken")
                }
            }
        }
    }

    @Test func `a sum beyond the range of Double is refused and changes nothing`() async throws {
        try await withRedis(immortalByDesign) { _, redis in
            for options in [CountersOptions.unhurried, .init(ttl: .after(.seconds(60)), timeout: .seconds(60))] {
                let counters = Counters(redis, name: options.ttl == .never ? "a" : "b", options: options)
                let large = 1.7e308
                try await counters.increment("n", by: large)
                await expectError(.outOfRange) { try await counters.increment("n", by: large) }
                await expectError(.outOfRange) { try await counters.increment("n", by: large, requestID: "r") }
                #expect(try await counters.get("n", as: Double.self) == large)
                #expect(try await counters.decrement("n", by: large) == 0.0)
                #expect(try await counters.decrement("n", by: large) == -large)
                await expectError(.outOfRange) { try await counters.decrement("n", by: large) }
            }
        }
    }

    @Test func `ids and names from users stay within their family`() async throws {
        try await withRedis(immortalByDesign) { _, redis in
            let hostile = [
                "a:b", "*", "{x}", "a}", "%2A", "é", "e\u{301}x", "?[a-z]", "line\nbreak", "x:req:y", "x:minute",
            ]
            let names = ["f", "f:a", "f*", "{f}"]
            for (index, name) in names.enumerated() {
                let counters = Counters(redis, name: name, options: .unhurried)
                for id in hostile {
                    try await counters.increment(id, by: index + 1, requestID: id)
                    try await counters.by(.minute, keep: 5).add(id, by: 100)
                }
            }
            for (index, name) in names.enumerated() {
                let counters = Counters(redis, name: name, options: .unhurried)
                let all = try await counters.all()
                #expect(all == Dictionary(uniqueKeysWithValues: hostile.map { ($0, index + 1) }))
                var ids: Set<String> = []
                for try await id in counters.ids { #expect(ids.insert(id).inserted) }
                #expect(ids == Set(hostile))
            }
            await expectError(.invalidArgument) { try await Counters(redis, name: "").increment("a") }
            await expectError(.invalidArgument) { try await Counters(redis, name: "f").increment("") }
            await expectError(.invalidArgument) {
                try await Counters(redis, name: "f").increment("a", requestID: String(repeating: "x", count: 1_025))
            }
        }
    }

    @Test func `a thousand increments of eight tasks are a thousand`() async throws {
        try await withRedis(immortalByDesign) { _, redis in
            let counters = Counters(redis, name: "load", options: .unhurried)
            try await withThrowingDiscardingTaskGroup { group in
                for task in 0..<8 {
                    group.addTask {
                        for call in 0..<125 {
                            try await counters.increment("n", requestID: call % 2 == 0 ? "\(task)-\(call)" : nil)
                        }
                    }
                }
            }
            #expect(try await counters.get("n") == 1_000)
        }
    }

    @Test func `a key of another kind is told`() async throws {
        try await withRedis(immortalByDesign) { server, redis in
            let counters = Counters(redis, name: "x", options: .unhurried)
            try server("RPUSH", counters.redisKey("list").name, "1")
            try server("SET", counters.redisKey("text").name, "many")
            for id in ["list", "text"] {
                await expectError(.wrongType) { try await counters.increment(id) }
                await expectError(.wrongType) { try await counters.increment(id, by: 1.5, requestID: "r") }
            }
            await expectError(.wrongType) { try await counters.get("text") }
        }
    }

    @Test func `options that cannot work are told by every call`() async throws {
        try await withRedis { _, redis in
            let bad = [
                CountersOptions(ttl: .after(.zero)), CountersOptions(timeout: .zero),
                CountersOptions(requestMemory: .microseconds(1)),
            ]
            for options in bad {
                await expectError(.invalidArgument) {
                    try await Counters(redis, name: "x", options: options).increment("a", requestID: "r")
                }
            }
        }
    }
}

/// A number of the caller's own sort.
private struct Even: CounterValue {
    /// What others do while a number is looked at.
    @TaskLocal static var whileChecked: (@Sendable () -> Void)?

    var number: Int
    var counterText: String? { "\(number)" }

    init(number: Int) { self.number = number }

    init?(counterText text: String) {
        Self.whileChecked?()
        guard let number = Int(text), number.isMultiple(of: 2) else { return nil }
        self.number = number
    }
}
