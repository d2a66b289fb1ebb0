import FoundationEssentials
import RedisCore
import TestSupport
import Testing

@testable import Cache

/// What one way of decoding made is not handed to callers of another.
@Suite struct NearViewTests {
    private let near = NearCacheOptions()

    @Test func `serializers with coders of their own are told apart, the shared one is one`() {
        let shared = NearView(CacheOptions(serializer: .json)).number
        #expect(NearView(CacheOptions(serializer: JSONCacheSerializer())).number == shared)
        let own = JSONCacheSerializer(encoder: JSONEncoder(), decoder: JSONDecoder())
        let other = JSONCacheSerializer(encoder: JSONEncoder(), decoder: JSONDecoder())
        #expect(NearView(CacheOptions(serializer: own)).number != shared)
        #expect(NearView(CacheOptions(serializer: own)).number == NearView(CacheOptions(serializer: own)).number)
        #expect(NearView(CacheOptions(serializer: own)).number != NearView(CacheOptions(serializer: other)).number)
        #expect(
            NearView(CacheOptions(schema: 2)).number != NearView(CacheOptions(schema: 2, readableSchemas: 1...2)).number
        )
    }

    @Test func `a value of a schema that only one reader takes stays that reader's`() async throws {
        try await withRedis(.init()) { _, redis in
            let options = CacheOptions(schema: 1, timeout: .seconds(20), near: near)
            let old = RedisCache(redis, prefix: "myapp", options: options)
            let both = old.with {
                $0.schema = 2; $0.readableSchemas = 1...2
            }
            let new = old.with { $0.schema = 2 }
            try await both.untilNear(.tracking)
            try await old.set("k", "one")
            try await eventually("kept") {
                _ = try await both.get("k", as: String.self)
                let hits = both.figures.hits
                return try await both.get("k") == "one" && both.figures.hits > hits
            }
            #expect(try await new.get("k", as: String.self) == nil)
        }
    }
}
