// Sends a code to a user, who enters it: wrong, right, and once more; then somebody guesses until nobody listens.
//
//     swift run OneTimeCodes
//
// Redis is $REDIS_URL; without it an embedded redis-server is started, which ends with the program.

import Cache
import EmbeddedRedis
import Foundation
import RedisCore

let url = ProcessInfo.processInfo.environment["REDIS_URL"]
let server = url == nil ? try await EmbeddedServer.start() : nil
let configuration = try server?.configuration ?? RedisConfiguration(url: url ?? "")

try await RedisClient.withClient(configuration) { redis in
    // The key is the application's secret: without it the digests in Redis would give six digits away.
    let options = OneTimeCodeOptions(minimumInterval: .seconds(30), key: Secret("from a vault, not from the source"))
    let codes = OneTimeCodes(redis, prefix: "example-codes", options: options)
    let user = "user-\(UUID().uuidString)"

    guard case .issued(let code) = try await codes.generate(for: user, purpose: "login") else { exit(70) }
    print("sent a code of \(code.text.count) digits")
    if case .refused = try await codes.generate(for: user, purpose: "login") {
        print("a second one at once: refused")
    }
    let wrong = code.text == "123456" ? "654321" : "123456"
    print("a wrong one: \(try await codes.verify(wrong, for: user, purpose: "login"))")
    print("for something else: \(try await codes.verify(code.text, for: user, purpose: "payment"))")
    print("the right one: \(try await codes.verify(code.text, for: user, purpose: "login"))")
    print("the right one again: \(try await codes.verify(code.text, for: user, purpose: "login"))")

    guard case .issued(let other) = try await codes.generate(for: user, purpose: "payment") else { exit(70) }
    let guess = other.text == "000000" ? "000001" : "000000"
    for _ in 1...5 { print("a guess: \(try await codes.verify(guess, for: user, purpose: "payment"))") }
    print("the right one, too late: \(try await codes.verify(other.text, for: user, purpose: "payment"))")
}
await server?.stop()
