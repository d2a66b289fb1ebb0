import Cache
import Foundation
import RedisCore
import TestSupport
import Testing

@testable import Webhooks

/// From an item's end to the receiver's 2xx, over real connections.
@Suite struct ExpiryPostingTests {
    private func withEnd(
        _ url: String, secrets: [WebhookSecret] = [], _ options: WebhookOptions = WebhookOptions(timeout: .seconds(60)),
        _ body: (ExpirySweeper, LogLines) async throws -> Void
    ) async throws {
        try await withRedisServer(RedisServerOptions(checksLeaks: true)) { server in
            let lines = LogLines()
            let redis = RedisClient(server.configuration, logger: lines.logger)
            let items = IndexedCache(
                redis, namespace: "n", options: CacheOptions(timeout: .seconds(60)), expiry: .values())
            let webhook = try ExpiryWebhook(postingTo: url, secrets: secrets, includesValue: true, options: options)
            let pauses = ExpirySweeperOptions(firstRetry: .milliseconds(1), longestRetry: .milliseconds(1))
            let sweeper = try ExpirySweeper(items, options: pauses) { try await webhook.deliver($0) }
            try await items.set("é 1.2", ["a": 1], ttl: .after(.milliseconds(1)))
            try await body(sweeper, lines)
            await redis.close()
        }
    }

    @Test func `an end is posted until it is taken, under one id, signed anew each time`() async throws {
        try await withHTTPListener { _, number in
            number == 1 ? .status(500) : number == 2 ? .reset : number == 3 ? .status(429) : .status(200)
        } _: { listener in
            let secret = try WebhookSecret(WebhookSecret.newText())
            try await withEnd("http://127.0.0.1:\(listener.port)/hook", secrets: [secret]) { sweeper, _ in
                try await eventually("it was taken") { try await sweeper.sweep() == 1 }
                #expect(try await sweeper.sweep() == 0)
            }
            #expect(listener.requests.count == 4)
            #expect(Set(listener.requests.compactMap { $0.headers["webhook-id"] }).count == 1)
            #expect(Set(listener.requests.compactMap { $0.headers["x-signalbox-delivery"] }).count == 1)
            for request in listener.requests {
                #expect(
                    secret.verifies(
                        id: request.headers["webhook-id"] ?? "", timestamp: request.headers["webhook-timestamp"] ?? "",
                        signatures: request.headers["webhook-signature"] ?? "", body: request.body))
                let json = try #require(try JSONSerialization.jsonObject(with: request.body) as? [String: Any])
                #expect(json["key"] as? String == "é 1.2" && json["type"] as? String == "cache.expired")
                #expect(json["value"] as? [String: Int] == ["a": 1])
                // As docs/guarantees.md shows it.
                #expect(
                    json.keys.sorted() == ["attempt", "expired_at", "id", "key", "namespace", "type", "value"])
                #expect((json["id"] as? String)?.hasPrefix("n:") == true && json["namespace"] as? String == "n")
                let time = try #require(json["expired_at"] as? String)
                #expect(time.wholeMatch(of: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z/) != nil, "\(time)")
                #expect(request.headers["content-type"] == "application/json")
                #expect(request.headers["user-agent"] == "signalbox-webhooks")
            }
        }
    }

    @Test func `an end that the receiver will never take is given up, and said once`() async throws {
        try await withHTTPListener { _, _ in
            .status(410)
        } _: { listener in
            try await withEnd("http://127.0.0.1:\(listener.port)/path-secret?token=secret") { sweeper, lines in
                try await eventually("it was given up") { try await sweeper.sweep() == 1 }
                #expect(try await sweeper.sweep() == 0)
                #expect(lines.count(of: "it is not told again") == 1)
                #expect(lines.count(of: "answered 410") == 1)
                #expect(lines.count(of: "secret") == 0)
            }
            #expect(listener.requests.count == 1)
        }
    }

    @Test func `unless refusals are tried again too`() async throws {
        try await withHTTPListener { _, number in
            .status(number < 3 ? 404 : 200)
        } _: { listener in
            let options = WebhookOptions(timeout: .seconds(60), retriesRefusals: true)
            try await withEnd("http://127.0.0.1:\(listener.port)/", options) { sweeper, _ in
                try await eventually("it was taken") { try await sweeper.sweep() == 1 }
            }
            #expect(listener.requests.count == 3)
        }
    }

    @Test func `a receiver that is away is asked again, and the log names its host only`() async throws {
        try await withClosedPort { port in
            try await withEnd("http://127.0.0.1:\(port)/path-secret?token=secret") { sweeper, lines in
                try await eventually("it was tried three times") {
                    let handled = try await sweeper.sweep()
                    return handled == 0 && lines.count(of: "it is tried again") >= 3
                }
                #expect(lines.count(of: "http://127.0.0.1:\(port) was not reached") >= 3)
                #expect(lines.count(of: "secret") == 0)
            }
        }
    }
}
