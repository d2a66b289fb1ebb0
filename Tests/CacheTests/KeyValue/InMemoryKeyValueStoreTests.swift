import RedisCore
import TestSupport
import Testing

@testable import Cache

@Suite struct InMemoryKeyValueStoreTests {
    @Test func `a bounded store keeps what was used last`() async throws {
        let store = InMemoryKeyValueStore(maxEntries: 3)
        for key in ["a", "b", "c"] { try await store.set(key, 1) }
        #expect(try await store.find("a") == 1)
        try await store.set("d", 1)
        #expect(try await store.keys().sorted() == ["a", "c", "d"])
    }

    @Test func `what is over makes room before what is alive`() async throws {
        let clock = ManualClock()
        let store = InMemoryKeyValueStore(maxEntries: 2, clock: clock)
        try await store.set("old", 1)
        try await store.set("brief", 1, ttl: .after(.seconds(1)))
        clock.advance(by: .seconds(1))
        try await store.set("new", 1)
        #expect(try await store.keys().sorted() == ["new", "old"])
    }

    @Test func `forgotten values do not pile up`() async throws {
        let clock = ManualClock()
        let store = InMemoryKeyValueStore(clock: clock)
        for round in 0..<10_000 {
            try await store.set("key:\(round)", round, ttl: .after(.seconds(1)))
            clock.advance(by: .milliseconds(100))
        }
        #expect(store.count <= 130)
        #expect(try await store.keys().count == 9, "the tenth last is just over")
    }

    @Test func `a value ends at its moment, not before`() async throws {
        let clock = ManualClock()
        let store = InMemoryKeyValueStore(clock: clock)
        try await store.set("a", 1, ttl: .after(.milliseconds(10)))
        clock.advance(by: .microseconds(9_999))
        #expect(try await store.find("a") == 1)
        clock.advance(by: .microseconds(1))
        #expect(try await store.find("a", as: Int.self) == nil)
    }

    @Test func `a bound below one is refused`() async {
        await expectError(.invalidArgument) { try await InMemoryKeyValueStore(maxEntries: 0).set("a", 1) }
    }

    @Test func `changing a stored object changes nothing`() async throws {
        final class Box: Codable, @unchecked Sendable {
            // Unchecked: this test alone uses it.
            var value = 1
        }
        let store = InMemoryKeyValueStore()
        let box = Box()
        try await store.set("box", box)
        box.value = 2
        #expect(try await store.get("box", as: Box.self).value == 1)
    }

    @Test func `many tasks may use it at once`() async throws {
        let store = InMemoryKeyValueStore(maxEntries: 100)
        await withThrowingTaskGroup(of: Void.self) { group in
            for task in 0..<8 {
                group.addTask {
                    for round in 0..<500 {
                        try await store.set("\(task):\(round % 40)", round)
                        _ = try await store.find("\(round % 8):\(round % 40)", as: Int.self)
                        if round % 7 == 0 { try await store.delete("\(task):\(round % 40)") }
                    }
                }
            }
        }
        #expect(store.count <= 100)
    }

    @Test(arguments: 1...4)
    func `it does what a dictionary and a clock would`(_ seed: UInt64) async throws {
        var random = SplitMix(seed: seed)
        let clock = ManualClock()
        let store = InMemoryKeyValueStore(clock: clock)
        var model: [String: (value: Int, end: Int?)] = [:]
        var now = 0
        for round in 0..<3_000 {
            let key = "k\(Int.random(in: 0..<30, using: &random))"
            switch Int.random(in: 0..<5, using: &random) {
            case 0:
                try await store.set(key, round)
                model[key] = (round, nil)
            case 1:
                let life = Int.random(in: 1...50, using: &random)
                try await store.set(key, round, ttl: .after(.milliseconds(life)))
                model[key] = (round, now + life)
            case 2:
                #expect(try await store.delete(key) == (model.removeValue(forKey: key) != nil))
            case 3:
                now += 5
                clock.advance(by: .milliseconds(5))
                model = model.filter { $0.value.end.map { $0 > now } ?? true }
            default:
                #expect(try await store.find(key) == model[key]?.value)
                #expect(try await store.keys().sorted() == model.keys.sorted())
            }
        }
    }
}
