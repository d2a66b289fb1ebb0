import Testing

@testable import Coordination

@Suite struct RetriesTests {
    /// 003's retry slept after its last attempt.
    @Test func `there is no pause after the last attempt`() async throws {
        var attempts = 0
        var pauses: [Duration] = []
        let result: Int? = try await Retries(maxRetries: 3, delay: .seconds(1)).run(
            pause: { pauses.append($0) },
            attempt: {
                attempts += 1
                return nil
            })
        #expect(result == nil)
        #expect(attempts == 4)
        #expect(pauses == [.seconds(1), .seconds(1), .seconds(1)])
    }

    @Test func `a success ends the attempts`() async throws {
        var attempts = 0
        let result = try await Retries(maxRetries: 9, delay: .zero).run(pause: { _ in }) { () -> Int? in
            attempts += 1
            return attempts == 2 ? 7 : nil
        }
        #expect(result == 7)
        #expect(attempts == 2)
    }

    @Test func `an outage is an error, not a lock that is held`() async throws {
        struct Outage: Error {}
        await #expect(throws: Outage.self) {
            let _: Int? = try await Retries(maxRetries: 9, delay: .zero).run(pause: { _ in }) { throw Outage() }
        }
    }

    @Test func `a negative count or pause is refused`() {
        #expect(throws: CoordinationError.self) { try Retries(maxRetries: -1, delay: .zero) }
        #expect(throws: CoordinationError.self) { try Retries(maxRetries: 1, delay: .seconds(-1)) }
    }
}
