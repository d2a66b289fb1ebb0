import Testing

@testable import Webhooks

@Suite struct WebhookAddressTests {
    @Test func `an address is told by its origin only`() throws {
        #expect(try WebhookAddress("https://example.org/T0/B1?token=x").origin == "https://example.org")
        #expect(try WebhookAddress("HTTP://[::1]:8080/").origin == "http://[::1]:8080")
    }

    @Test(arguments: [
        "", "example.org", "ftp://example.org/", "file:///etc/passwd", "https://", "https:///path",
        "https://secret:word@example.org/", "https://secret@example.org/", "https://example.org/#secret",
        "https://example.org:0/", "https://example.org:99999/", "https://example.org/secret path",
        "https://example.org/\r\nX: secret", "https://exämple.org/secret",
        "https://example.org/" + String(repeating: "secret", count: 400),
    ])
    func `what cannot be posted to is refused, and not repeated`(text: String) {
        let error = #expect(throws: WebhookError.self) { try WebhookSender(url: text) }
        #expect(error?.code == .invalidArgument)
        #expect(error?.description.contains("secret") == false)
    }

    @Test func `headers that are none, or that the sender sets, are refused`() {
        for name in [
            "", "a b", "a:", "é", "Host", "content-type", "USER-agent", "Webhook-ID", "webhook-a", "Transfer-Encoding",
            "X-Signalbox-Delivery", "x-SIGNALBOX-a",
        ] {
            #expect(throws: WebhookError.self, "\(name)") {
                try WebhookSender(url: "https://example.org", options: WebhookOptions(headers: [name: "1"]))
            }
        }
        let twice = WebhookOptions(headers: ["X-Team": "secret", "x-team": "secret"])
        let error = #expect(throws: WebhookError.self) { try WebhookSender(url: "https://example.org", options: twice) }
        #expect(error?.message == "the header x-team is given twice, in different case")
        for value in ["a\r\nb: c", "a\u{0}", "é"] {
            #expect(throws: WebhookError.self) {
                try WebhookSender(url: "https://example.org", options: WebhookOptions(headers: ["X-A": value]))
            }
        }
        for timeout in [Duration.zero, .milliseconds(9), .seconds(601)] {
            #expect(throws: WebhookError.self) {
                try WebhookSender(url: "https://example.org", options: WebhookOptions(timeout: timeout))
            }
        }
    }

    @Test func `a status means one of three things`() {
        for status in 200..<300 { #expect(WebhookVerdict(status: status) == .delivered) }
        let retried: Set = [408, 425, 429]
        for status in 400..<500 {
            #expect(WebhookVerdict(status: status) == (retried.contains(status) ? .failed : .refused))
        }
        for status in Array(0..<200) + Array(300..<400) + Array(500..<700) {
            #expect(WebhookVerdict(status: status) == .failed)
        }
    }
}
