import Testing

@testable import EmbeddedRedis

@Suite struct RestartPolicyTests {
    @Test func `the pause doubles from one quick death to the next, and the fifth ends the attempts`() {
        var policy = RestartPolicy()
        let actions = (0..<5).map { _ in policy.serverDied(after: .milliseconds(10)) }
        #expect(
            actions == [
                .restart(after: .milliseconds(50)), .restart(after: .milliseconds(100)),
                .restart(after: .milliseconds(200)), .restart(after: .milliseconds(400)), .giveUp,
            ])
    }

    @Test func `a server that lived long enough starts a new count`() {
        var policy = RestartPolicy()
        for _ in 0..<4 { _ = policy.serverDied(after: .zero) }
        #expect(policy.serverDied(after: RestartPolicy.stableAfter) == .restart(after: RestartPolicy.firstDelay))
        #expect(policy.serverDied(after: .zero) == .restart(after: .milliseconds(100)))
    }
}
