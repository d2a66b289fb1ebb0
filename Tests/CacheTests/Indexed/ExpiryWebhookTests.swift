import FoundationEssentials
import RedisCore
import Synchronization
import TestSupport
import Testing

@testable import Cache

@Suite struct ExpiryWebhookTests {
    private func deliver(
        _ value: some Codable & Sendable, includesValue: Bool = true, answers: [Int] = [204]
    ) async throws -> [ExpiryWebhook.Request] {
        let requests = Mutex<[ExpiryWebhook.Request]>([])
        try await withRedis { server, redis in
            let cache = IndexedCache(redis, namespace: "n", options: .unhurried, expiry: .values())
            let webhook = ExpiryWebhook(
                url: "https://example.org/hook", includesValue: includesValue, sign: { "sha256=\($0.count)" }
            ) { request in
                requests.withLock { requests in
                    requests.append(request)
                    return answers[min(requests.count, answers.count) - 1]
                }
            }
            let options = ExpirySweeperOptions(firstRetry: .milliseconds(1), longestRetry: .milliseconds(1))
            let sweeper = try ExpirySweeper(cache, options: options) { try await webhook.deliver($0) }
            try await cache.set("é 1", value, ttl: .after(.milliseconds(1)))
            try await eventually("it was delivered") { try await sweeper.sweep() == 1 }
        }
        return requests.withLock { $0 }
    }

    private struct Body: Codable {
        let type: String
        let id: String
        let namespace: String
        let key: String
        let expiredAt: Date
        let attempt: Int
        let value: User?

        enum CodingKeys: String, CodingKey {
            case type, id, namespace, key, attempt, value
            case expiredAt = "expired_at"
        }
    }

    @Test func `an expiry is posted as JSON, with its value and a signature`() async throws {
        let user = User(id: 7, name: "Ada")
        let request = try #require(try await deliver(user).first)
        let body = try JSONCacheSerializer().decode(Body.self, from: request.body)
        #expect(body.type == "cache.expired" && body.namespace == "n" && body.key == "é 1" && body.attempt == 1)
        #expect(body.value == user)
        #expect(request.url == "https://example.org/hook")
        #expect(request.headers["X-Signalbox-Signature"] == "sha256=\(request.body.count)")
        #expect(request.headers["X-Signalbox-Delivery"]?.hasSuffix(":%C3%A9%201") == true)
        #expect(request.headers["Content-Type"] == "application/json")
    }

    @Test func `values stay at home unless they are wanted and are JSON`() async throws {
        for request in try await deliver(User(id: 7, name: "Ada"), includesValue: false) + deliver("secret") {
            #expect(try JSONCacheSerializer().decode(Body.self, from: request.body).value == nil)
            #expect(!String(decoding: request.body, as: UTF8.self).contains("secret"))
        }
    }

    /// What is posted for a value as another program left it, byte by byte.
    private func post(foreign text: String) async throws -> ExpiryWebhook.Request {
        let posted = try await withRedis { server, redis in
            let requests = Mutex<[ExpiryWebhook.Request]>([])
            let cache = IndexedCache(redis, namespace: "n", options: .unhurried, expiry: .values())
            let webhook = ExpiryWebhook(url: "https://example.org/hook", includesValue: true) { request in
                requests.withLock { $0.append(request) }
                return 204
            }
            try await cache.set("k", 1)
            try server("SET", "signalbox:indexed:{n}:kept:k", text, "KEEPTTL")
            try await cache.expire("k")
            #expect(try await ExpirySweeper(cache) { try await webhook.deliver($0) }.sweep() == 1)
            return requests.withLock { $0 }
        }
        return try #require(posted.first)
    }

    @Test(arguments: [
        #"1,"id":"forged""#, #"{"id":7,"name":"forged"},"key":"forged""#, "forged", #"{"id":7,"name":forged}"#,
        #"{"id":07,"name":"forged"}"#,
    ])
    func `a foreign value that is no JSON by itself stays at home`(text: String) async throws {
        let request = try await post(foreign: text)
        let body = try JSONCacheSerializer().decode(Body.self, from: request.body)
        #expect(body.value == nil && body.key == "k" && body.id == request.id)
        #expect(!String(decoding: request.body, as: UTF8.self).contains("forged"))
    }

    @Test func `a foreign value that is JSON goes with its expiry`() async throws {
        let request = try await post(foreign: #" {"name":"Ada","id":7,"tags":[]} "#)
        let body = try JSONCacheSerializer().decode(Body.self, from: request.body)
        #expect(body.value == User(id: 7, name: "Ada"))
    }

    @Test func `a rejection ends the attempts, is counted as handled and logged with its reason`() async throws {
        try await withRedisServer(RedisServerOptions(checksLeaks: true)) { server in
            let lines = LogLines()
            let redis = RedisClient(server.configuration, logger: lines.logger)
            let cache = IndexedCache(redis, namespace: "n", options: .unhurried, expiry: .keys())
            let calls = Mutex(0)
            let sweeper = try ExpirySweeper(cache) { _ in
                calls.withLock { $0 += 1 }
                throw ExpiryRejection("nobody wants it")
            }
            try await cache.set("k", 1, ttl: .after(.milliseconds(1)))
            try await eventually("it was rejected") { try await sweeper.sweep() == 1 }
            #expect(try await sweeper.sweep() == 0)
            #expect(calls.withLock { $0 } == 1)
            #expect(lines.count(of: "nobody wants it") == 1 && lines.count(of: "error an expiry was rejected") == 1)
            await redis.close()
        }
    }

    @Test func `an answer other than 2xx is tried again under the same id`() async throws {
        let requests = try await deliver(User(id: 7, name: "Ada"), answers: [500, 404, 200])
        #expect(requests.count == 3)
        #expect(Set(requests.compactMap { $0.headers["X-Signalbox-Delivery"] }).count == 1)
        #expect(Set(requests.map(\.id)).count == 1 && requests[0].id.hasSuffix(":é 1"))
        let attempts = try requests.map { try JSONCacheSerializer().decode(Body.self, from: $0.body).attempt }
        #expect(attempts == [1, 2, 3])
    }
}
