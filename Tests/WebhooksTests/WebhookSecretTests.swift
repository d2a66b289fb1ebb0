import Foundation
import Testing

@testable import Webhooks

@Suite struct WebhookSecretTests {
    private let text = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    private let body = Data(#"{"test": 2432232314}"#.utf8)
    private let now = Date(timeIntervalSince1970: 1_614_265_330)

    private func verifies(
        _ secret: WebhookSecret, _ signatures: String, id: String = "msg_p5jXN8AQM9LWM0D4loKWxJek",
        timestamp: String = "1614265330", body: Data? = nil, now: Date? = nil, tolerance: Duration = .seconds(300)
    ) -> Bool {
        secret.verifies(
            id: id, timestamp: timestamp, signatures: signatures, body: body ?? self.body, now: now ?? self.now,
            tolerance: tolerance)
    }

    @Test func `the signature is that of other implementations of Standard Webhooks`() throws {
        let signature = try WebhookSecret(text).signature(
            id: "msg_p5jXN8AQM9LWM0D4loKWxJek", timestamp: 1_614_265_330, body: body)
        #expect(signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")
    }

    @Test func `only what was signed, lately and with this secret, is taken`() throws {
        let secret = try WebhookSecret(text)
        let right = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        #expect(verifies(secret, right))
        #expect(verifies(secret, "v1,AAAA v1a,x \(right)"), "any of several")
        #expect(!verifies(try WebhookSecret(WebhookSecret.newText()), right))
        #expect(!verifies(secret, right, id: "msg_other"))
        #expect(!verifies(secret, right, timestamp: "1614265331"))
        #expect(!verifies(secret, right, body: Data("{}".utf8)))
        #expect(!verifies(secret, right, now: now + 301) && !verifies(secret, right, now: now - 301))
        #expect(verifies(secret, right, now: now + 299) && verifies(secret, right, now: now - 299))
        for bad in ["", "v1,", "v1", String(right.dropFirst(3)), "v2" + right.dropFirst(2), right.dropLast(4) + "===="]
        {
            #expect(!verifies(secret, bad), "\(bad)")
        }
        for time in ["", "-1", "1614265330.0", "99999999999999999999", "9223372036854775807"] {
            #expect(!verifies(secret, right, timestamp: time))
        }
    }

    @Test func `a tolerance counts to its fractions of a second`() throws {
        let secret = try WebhookSecret(text)
        let right = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        for offset in [-1.25, 1.25] {
            #expect(verifies(secret, right, now: now + offset, tolerance: .milliseconds(1_500)))
            #expect(!verifies(secret, right, now: now + offset, tolerance: .milliseconds(1_125)))
        }
    }

    @Test(arguments: [
        "", "whsec_", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_c2hvcnQ=", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS",
        "whsec_" + Data(repeating: 1, count: 65).base64EncodedString(),
    ])
    func `what is no secret is refused, without its text`(text: String) {
        let error = #expect(throws: WebhookError.self) { try WebhookSecret(text) }
        #expect(error?.code == .invalidArgument)
        #expect(text.isEmpty || text == "whsec_" || error?.description.contains(text) == false)
    }

    @Test func `new secrets differ, and none is printed`() throws {
        let (one, other) = (WebhookSecret.newText(), WebhookSecret.newText())
        #expect(one != other)
        let secret = try WebhookSecret(one)
        for text in ["\(secret)", String(reflecting: secret), String(describing: [secret])] {
            #expect(text.contains("<webhook secret>"))
        }
        var dumped = ""
        dump(secret, to: &dumped)
        #expect(dumped.split(separator: "\n").count == 1)
    }
}
