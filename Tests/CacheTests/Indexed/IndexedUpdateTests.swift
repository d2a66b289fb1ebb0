import FoundationEssentials
import RedisCore
import TestSupport
import Testing

@testable import Cache

@Suite struct IndexedUpdateTests {
    /// JSON as another service wrote it: nothing in it may change but what is asked for.
    private struct Verbatim: CacheSerializer {
        let codec: UInt8 = 1
        func encode<T: Encodable>(_ value: T) throws -> Data {
            if let text = value as? Text { return Data(text.json.utf8) }
            return try JSONCacheSerializer().encode(value)
        }
        func decode<T: Decodable>(_ type: T.Type, from data: Data) throws -> T {
            try JSONCacheSerializer().decode(type, from: data)
        }
    }

    private struct Text: Codable, Sendable {
        let json: String
    }

    static let others =
        #""big": 9007199254740993, "empty":[], "object":{}, "none":null, "é\u00e9\n\"":"\u00e9\/\ud83d\ude00","#
        + #" "deep":{"a":[1,{"b":[[]]}]}, "exact":1.10, "huge":1e400,"status" : "x\"}",  "last":true"#

    @Test func `a partial update leaves all other fields as they are, byte by byte`() async throws {
        try await withRedis { _, redis in
            let options = CacheOptions(serializer: Verbatim(), timeout: .seconds(60))
            let cache = IndexedCache(redis, namespace: "n", options: options)
            try await cache.set("a", Text(json: "{ \(Self.others) }"))
            #expect(try await cache.update("a", ["status": "confirmed", "count": 9_007_199_254_740_993, "tags": []]))
            let expected = Self.others.replacing(#""x\"}""#, with: #""confirmed""#)
            #expect(
                try await cache.getRaw("a").map { String(decoding: $0, as: UTF8.self) }
                    == "{ \(expected),\"count\":9007199254740993,\"tags\":[] }")
        }
    }

    @Test func `fields of every kind are written, new ones too, and null is a value`() async throws {
        try await withRedis { _, redis in
            let cache = IndexedCache(redis, namespace: "n", options: .unhurried)
            try await cache.set("a", ["name": "Ada"])
            let date = Date(timeIntervalSince1970: 1_763_700_000)
            let isDone = try await cache.update(
                "a",
                [
                    "name": nil, "n": -7, "x": 1.5, "yes": true, "list": [1, "two", []], "object": ["k": ["v": nil]],
                    "at": .value(date),
                ])
            #expect(isDone)
            #expect(
                try await cache.getRaw("a").map { String(decoding: $0, as: UTF8.self) }
                    == #"{"name":null,"at":"2025-11-21T04:40:00.000000Z","list":[1,"two",[]],"n":-7,"#
                    + #""object":{"k":{"v":null}},"x":1.5,"yes":true}"#)
        }
    }

    @Test func `an update keeps the end and the indexes, or refreshes the end when asked`() async throws {
        try await withRedis { server, redis in
            let cache = IndexedCache(redis, namespace: "n", options: .unhurried)
            let index = "signalbox:indexed:{n}:index:user:alice"
            try await cache.set("a", ["x": 1], ttl: .after(.seconds(100)), indexes: ["user": "alice"])
            let score = try server("ZSCORE", index, "a").string
            #expect(try await cache.update("a", ["x": 2]))
            #expect(try server("ZSCORE", index, "a").string == score)
            guard case .remaining(let kept) = try await cache.getTTL("a") else {
                Issue.record("it has one")
                return
            }
            #expect(kept <= .seconds(100))
            #expect(try await cache.update("a", ["x": 3], ttl: .after(.seconds(1_000))))
            guard case .remaining(let more) = try await cache.getTTL("a") else {
                Issue.record("it has one")
                return
            }
            #expect(more > .seconds(500))
            #expect(try server("PTTL", index).int ?? 0 > 500_000)
            #expect(try await cache.allByIndex("user", "alice", as: [String: Int].self) == ["a": ["x": 3]])
        }
    }

    @Test func `a compressed object is updated too`() async throws {
        try await withRedis { _, redis in
            let cache = IndexedCache(redis, namespace: "n", options: .unhurried)
            let long = String(repeating: "y", count: 50_000)
            try await cache.set("a", ["x": "1", "long": long])
            #expect(try await cache.update("a", ["x": "2"]))
            #expect(try await cache.get("a") == ["x": "2", "long": long])
        }
    }

    private struct Step: Codable, Sendable, Equatable {
        var startedAt: Date
        var isDone: Bool
    }

    @Test func `a partial update writes as the cache's own coders do`() async throws {
        let encoder = JSONEncoder()
        encoder.dateEncodingStrategy = .secondsSince1970
        encoder.keyEncodingStrategy = .convertToSnakeCase
        let decoder = JSONDecoder()
        decoder.dateDecodingStrategy = .secondsSince1970
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        let options = CacheOptions(
            serializer: JSONCacheSerializer(encoder: encoder, decoder: decoder), timeout: .seconds(60))
        try await withRedis { _, redis in
            let cache = IndexedCache(redis, namespace: "n", options: options)
            let (first, later) = (Date(timeIntervalSince1970: 1), Date(timeIntervalSince1970: 2))
            try await cache.set("a", Step(startedAt: first, isDone: false))
            // A name is one as it is stored.
            #expect(try await cache.update("a", ["started_at": .value(later)]))
            #expect(try await cache.get("a") == Step(startedAt: later, isDone: false))
            #expect(try await cache.update("a", merging: Step(startedAt: first, isDone: true)))
            #expect(try await cache.get("a") == Step(startedAt: first, isDone: true))
        }
    }

    @Test func `what is no object is not updated by fields`() async throws {
        try await withRedis { _, redis in
            let cache = IndexedCache(redis, namespace: "n", options: .unhurried)
            try await cache.set("text", "{}")
            try await cache.set("list", [1])
            try await cache.increment("count")
            for key in ["text", "list", "count"] {
                await expectError(.wrongType) { try await cache.update(key, ["x": 1]) }
            }
            try await cache.set("a", ["x": 1])
            await expectError(.wrongType) { try await cache.update("a", merging: [1]) }
            await expectError(.unencodable) { try await cache.update("a", ["x": .number(.nan)]) }
            await expectError(.tooLarge) {
                try await cache.update("a", ["x": .string(String(repeating: "x", count: 2 << 20))])
            }
        }
    }

    @Test func `a typed update counts every change of many writers`() async throws {
        try await withRedis { server, redis in
            let cache = IndexedCache(redis, namespace: "n", options: .unhurried)
            try await cache.set("a", User(id: 0, name: "Ada"), indexes: ["user": "alice"])
            try await withClient(server.configuration) { second in
                let caches = [cache, IndexedCache(second, namespace: "n", options: .unhurried)]
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for writer in 0..<10 {
                        group.addTask {
                            for _ in 0..<10 {
                                try await caches[writer % 2].update("a", as: User.self) { $0.id += 1 }
                            }
                        }
                    }
                    try await group.waitForAll()
                }
            }
            #expect(try await cache.get("a", as: User.self)?.id == 100)
        }
    }

    @Test func `what the change throws is thrown, and nothing is written`() async throws {
        struct Refusal: Error {}
        try await withRedis { _, redis in
            let cache = IndexedCache(redis, namespace: "n", options: .unhurried)
            try await cache.set("a", 1)
            await #expect(throws: Refusal.self) {
                try await cache.update("a", as: Int.self) { _ in throw Refusal() }
            }
            #expect(try await cache.get("a") == 1)
        }
    }

    @Test func `somebody who always writes first makes it a conflict`() async throws {
        try await withRedis { server, redis in
            let cache = IndexedCache(redis, namespace: "n", options: .unhurried)
            try await cache.set("a", 1)
            // The second byte of the version, changed each time.
            var round = 0
            await expectError(.conflict) {
                try await cache.update("a", as: Int.self) { value in
                    round += 1
                    value += 1
                    _ = try server("SETRANGE", "signalbox:indexed:{n}:item:a", "3", "rnd\(100 + round)")
                }
            }
            #expect(round == IndexedCache.mostRounds)
        }
    }
}

@Suite struct JSONObjectTextTests {
    private func merged(_ object: String, _ changes: String) -> String? {
        guard let object = JSONObjectText(Array(object.utf8)), let changes = JSONObjectText(Array(changes.utf8)) else {
            return nil
        }
        return String(decoding: object.merging(changes), as: UTF8.self)
    }

    @Test(arguments: [
        ("{}", "{}", "{}"), ("{}", #"{"a":1}"#, #"{"a":1}"#), (" { } ", #"{"a":1}"#, #" {"a":1 } "#),
        (#"{"a":1}"#, "{}", #"{"a":1}"#), (#"{"a":1}"#, #"{"a":2}"#, #"{"a":2}"#),
        (#"{"a":1,"b":2}"#, #"{"b":[],"c":{}}"#, #"{"a":1,"b":[],"c":{}}"#),
        (#"{"a":1,"a":2}"#, #"{"a":3}"#, #"{"a":3,"a":3}"#), (#"{"b":0}"#, #"{"a":1,"a":2}"#, #"{"b":0,"a":2}"#),
        (#"{"\u0061":1}"#, #"{"a":2}"#, #"{"\u0061":2}"#),
        ("{\"é\":1}", "{\"e\u{301}\":2}", "{\"é\":1,\"e\u{301}\":2}"),
        (#"{"a" : {"b":"}"} ,"c":0}"#, #"{"c":"\\"}"#, #"{"a" : {"b":"}"} ,"c":"\\"}"#),
    ])
    func `fields are replaced in place and added at the end`(object: String, changes: String, result: String) {
        #expect(merged(object, changes) == result)
    }

    @Test(arguments: [
        "", "[]", "1", "{", "}", "{\"a\"}", "{\"a\":}", "{a:1}", "{\"a\":1,}", "{\"a\":1}x", "{\"a\":[1}", "{\"a\":1]}",
        "{\"a", "{\"a\":\"", "{\"a\":\"\\", "{\"a\":1 2}", "{,}", "null", "{\"a\":1}{}",
    ])
    func `what is no object is refused`(text: String) { #expect(JSONObjectText(Array(text.utf8)) == nil) }

    @Test func `deep nesting does not exhaust the stack`() {
        let deep = String(repeating: "[", count: 200_000) + String(repeating: "]", count: 200_000)
        #expect(merged("{\"a\":\(deep),\"b\":1}", "{\"b\":2}") == "{\"a\":\(deep),\"b\":2}")
    }
}
