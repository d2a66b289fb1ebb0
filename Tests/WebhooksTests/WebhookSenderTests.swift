import Foundation
import TestSupport
import Testing

@testable import Webhooks

@Suite struct WebhookSenderTests {
    private let body = Data(#"{"type":"order.paid"}"#.utf8)

    private func sender(
        _ listener: HTTPListener, _ path: String = "/hook", secrets: [WebhookSecret] = [],
        options: WebhookOptions = WebhookOptions(timeout: .seconds(60))
    ) throws -> WebhookSender {
        try WebhookSender(
            url: "http://127.0.0.1:\(listener.port)\(path)", secrets: secrets, options: options
        ) { 1_700_000_000 }
    }

    @discardableResult
    private func expectError(
        _ code: WebhookError.Code, status: Int? = nil, sourceLocation: SourceLocation = #_sourceLocation,
        _ body: () async throws -> Void
    ) async -> WebhookError? {
        do {
            try await body()
            Issue.record("nothing was thrown", sourceLocation: sourceLocation)
        } catch let error as WebhookError {
            #expect(error.code == code && error.status == status, sourceLocation: sourceLocation)
            return error
        } catch {
            Issue.record("another error was thrown: \(error)", sourceLocation: sourceLocation)
        }
        return nil
    }

    @Test func `a message is one POST of JSON that the receiver can verify`() async throws {
        try await withHTTPListener { _, _ in
            .status(204)
        } _: { listener in
            let (text, old) = (WebhookSecret.newText(), WebhookSecret.newText())
            let secrets = [try WebhookSecret(text), try WebhookSecret(old)]
            let options = WebhookOptions(timeout: .seconds(60), headers: ["Authorization": "Bearer t"])
            try await sender(listener, "/hook?team=7", secrets: secrets, options: options).send(id: "msg_1", body: body)
            #expect(listener.requests.count == 1)
            let request = try #require(listener.requests.first)
            #expect(request.method == "POST" && request.target == "/hook?team=7" && request.body == body)
            #expect(request.headers["content-type"] == "application/json")
            #expect(request.headers["authorization"] == "Bearer t")
            #expect(request.headers["webhook-id"] == "msg_1")
            #expect(request.headers["webhook-timestamp"] == "1700000000")
            #expect(request.headers["cookie"] == nil)
            for secret in secrets {
                #expect(
                    secret.verifies(
                        id: "msg_1", timestamp: "1700000000",
                        signatures: request.headers["webhook-signature"] ?? "", body: request.body,
                        now: Date(timeIntervalSince1970: 1_700_000_100)))
            }
        }
    }

    @Test func `without a secret there is no signature`() async throws {
        try await withHTTPListener { _, _ in
            .status(200)
        } _: { listener in
            try await sender(listener).send(id: "1", body: body)
            #expect(listener.requests.first?.headers["webhook-signature"] == nil)
            #expect(listener.requests.first?.headers["webhook-id"] == "1")
        }
    }

    @Test(arguments: [400, 401, 403, 404, 410, 413])
    func `a receiver that will never take it says so`(status: Int) async throws {
        try await withHTTPListener { _, _ in
            .status(status, headers: ["WWW-Authenticate": "Basic realm=\"hooks\""], body: 20)
        } _: { listener in
            await expectError(.refused, status: status) { try await sender(listener).send(id: "1", body: body) }
            #expect(listener.requests.count == 1)
        }
    }

    @Test(arguments: [408, 425, 429, 500, 502, 503, 304])
    func `a receiver that cannot take it now may be asked again`(status: Int) async throws {
        try await withHTTPListener { _, _ in
            .status(status)
        } _: { listener in
            await expectError(.unavailable, status: status) { try await sender(listener).send(id: "1", body: body) }
            #expect(listener.requests.count == 1)
        }
    }

    @Test(arguments: [301, 302, 303, 307, 308])
    func `redirects are not followed`(status: Int) async throws {
        try await withHTTPListener { _, _ in
            .status(status, headers: ["Location": "/elsewhere"])
        } _: { listener in
            let sender = try sender(listener)
            for _ in 1...20 {
                await expectError(.unavailable, status: status) { try await sender.send(id: "1", body: body) }
            }
            #expect(listener.requests.map(\.target) == Array(repeating: "/hook", count: 20))
        }
    }

    @Test func `cookies are not sent back`() async throws {
        try await withHTTPListener { _, _ in
            .status(200, headers: ["Set-Cookie": "a=b; Path=/"])
        } _: { listener in
            let sender = try sender(listener)
            for id in ["1", "2"] { try await sender.send(id: id, body: body) }
            #expect(listener.requests.allSatisfy { $0.headers["cookie"] == nil } && listener.requests.count == 2)
        }
    }

    @Test func `a silent receiver is given up in time, and its connection closed`() async throws {
        try await withHTTPListener { _, _ in
            .silence
        } _: { listener in
            let sender = try sender(listener, options: WebhookOptions(timeout: .milliseconds(100)))
            let error = await expectError(.unavailable) { try await sender.send(id: "1", body: body) }
            // Its own alarm says `within`; when that is late, the session's says `in time`.
            #expect(error?.message.contains("did not answer") == true)
            try await eventually("the connection is closed") { listener.connections == 0 }
        }
    }

    @Test func `a body is not waited for, and its connection closed`() async throws {
        try await withHTTPListener { _, _ in
            .endless(200)
        } _: { listener in
            try await sender(listener).send(id: "1", body: body)
            try await eventually("it was cut off") { listener.connections == 0 }
        }
    }

    @Test func `nobody listening, and a reset, are failures that may be tried again`() async throws {
        try await withClosedPort { port in
            let sender = try WebhookSender(url: "http://127.0.0.1:\(port)/secret-path?token=secret")
            let error = await expectError(.unavailable) { try await sender.send(id: "1", body: body) }
            #expect(error?.description.contains("http://127.0.0.1:\(port) was not reached") == true)
            #expect(error?.description.contains("secret") == false)
        }
        try await withHTTPListener { _, _ in
            .reset
        } _: { listener in
            await expectError(.unavailable) { try await sender(listener).send(id: "1", body: body) }
        }
    }

    @Test func `a cancelled call ends at once, also one that was cancelled before`() async throws {
        try await withHTTPListener { _, _ in
            .silence
        } _: { listener in
            let sender = try sender(listener)
            let call = Task { try await sender.send(id: "1", body: body) }
            try await eventually("it was sent") { listener.requests.count == 1 }
            call.cancel()
            await #expect(throws: CancellationError.self) { try await call.value }
            try await eventually("its connection is closed") { listener.connections == 0 }

            let late = Task {
                withUnsafeCurrentTask { $0?.cancel() }
                try await sender.send(id: "2", body: body)
            }
            await #expect(throws: CancellationError.self) { try await late.value }
            #expect(listener.requests.count == 1)
        }
    }

    @Test func `a receiver that resets connections costs one attempt each time, not a time-out`() async throws {
        try await withHTTPListener { _, number in
            number % 2 == 0 ? .reset : .status(200)
        } _: { listener in
            let sender = try sender(listener)
            for round in 1...3 {
                try await sender.send(id: "\(round)", body: body)
                let error = await expectError(.unavailable) {
                    try await sender.send(id: "\(round)", body: body)
                }
                #expect(error?.message.hasSuffix("the connection was lost") == true)
            }
            #expect(listener.requests.count == 6 && listener.requests.allSatisfy { $0.body == body })
            try await eventually("no connection is kept") { listener.connections == 0 }
        }
    }

    @Test func `many at once have each its own answer`() async throws {
        try await withHTTPListener { request, _ in
            .status(request.headers["webhook-id"]?.hasSuffix("7") == true ? 404 : 200)
        } _: { listener in
            let sender = try sender(listener)
            try await withThrowingTaskGroup(of: Bool.self) { group in
                for id in 0..<100 {
                    group.addTask {
                        do {
                            try await sender.send(id: "\(id)", body: body)
                            return id % 10 != 7
                        } catch let error as WebhookError {
                            return error.status == 404 && id % 10 == 7
                        }
                    }
                }
                for try await isRight in group { #expect(isRight) }
            }
            #expect(Set(listener.requests.compactMap { $0.headers["webhook-id"] }).count == 100)
            try await sender.send(id: "again", body: body)
        }
    }

    @Test func `ids that a signature cannot hold become digests, the same each time`() {
        #expect(WebhookSender.messageID("order_7-a") == "order_7-a")
        let digest = WebhookSender.messageID("n:1700:a.b")
        #expect(digest.hasPrefix("msg_") && digest.utf8.count == 36 && !digest.contains("."))
        #expect(digest == WebhookSender.messageID("n:1700:a.b") && digest != WebhookSender.messageID("n:1700:a.c"))
        #expect(WebhookSender.messageID("").utf8.count == 36)
        #expect(WebhookSender.messageID(String(repeating: "a", count: 65)).utf8.count == 36)
        #expect(WebhookSender.messageID("a\r\nb").utf8.count == 36)
    }
}
