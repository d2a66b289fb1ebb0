import RedisCore
import TestSupport
import Testing

@testable import Cache

@Suite struct KeyBuilderTests {
    private let keys = KeyBuilder(prefix: "app")

    @Test func `the names of 002 and 003`() throws {
        #expect(try keys.build("user", "123", "name") == "app:user:123:name")
        #expect(try keys.entity("job", id: "7") == "app:job:7")
        #expect(try keys.entity("job", id: "7", "log", "1") == "app:job:7:log:1")
        #expect(try keys.user("123") == "app:user:123")
        #expect(try keys.userList(page: 1, limit: 10) == "app:user:list:p1:l10")
        #expect(try keys.session("abc-def") == "app:session:abc-def")
        #expect(try keys.rateLimit("192.168.1.1") == "app:ratelimit:192.168.1.1")
        #expect(try keys.rate(user: "7", api: "search") == "app:rate:7:search")
        #expect(try keys.lock("payment", "order-123") == "app:lock:payment:order-123")
        #expect(try KeyBuilder().user("1") == "user:1")
    }

    @Test func `no id reaches into another's keys, slot or pattern`() throws {
        #expect(try keys.user("1:name") == "app:user:1%3Aname")
        #expect(try keys.user("{x}*?[a]\\\n%") == "app:user:%7Bx%7D%2A%3F%5Ba%5D%5C%0A%25")
        #expect(try keys.rate(user: "7:a", api: "b") != keys.rate(user: "7", api: "a:b"))
        #expect(KeyBuilder(prefix: "a:b{").prefix == "a:b%7B")
    }

    @Test func `empty parts and endless names are refused`() async {
        await expectError(.invalidArgument) { try keys.user("") }
        await expectError(.invalidArgument) { try keys.build("a", "") }
        await expectError(.invalidArgument) { try keys.build([]) }
        await expectError(.invalidArgument) { try keys.user(String(repeating: "x", count: 1_024)) }
        await expectError(.invalidArgument) { try keys.cacheTag("") }
    }

    @Test func `a name without a prefix is an entry of a cache`() async throws {
        try await withRedis { server, redis in
            let cache = RedisCache(redis, prefix: "app", options: .unhurried)
            try await cache.set(try KeyBuilder().user("7"), 1)
            let name = try keys.user("7")
            #expect(try server("EXISTS", name) == 1)
        }
    }
}
