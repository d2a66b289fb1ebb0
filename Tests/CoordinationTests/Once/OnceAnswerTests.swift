import RedisCore
import Testing

@testable import Coordination

@Suite struct OnceAnswerTests {
    @Test(arguments: [
        ([RedisValue.integer(1), .integer(5), .integer(1)], OnceAnswer.first(fence: 5, takenOver: true)),
        (
            [.integer(0), .bytes([97]), .integer(20), .integer(7)],
            .inProgress(owner: "a", left: .milliseconds(20), fence: 7)
        ),
        ([.integer(4)], .mismatch),
        ([.integer(2), .bytes([49])], .done([49])), ([.integer(2), .null], .done(nil)),
        ([.integer(3), .bytes([97]), .bytes([98])], .failed(owner: "a", error: "b")),
    ])
    func `replies are read`(reply: [RedisValue], answer: OnceAnswer) {
        #expect(OnceAnswer(reply) == answer)
    }

    @Test(arguments: [
        [RedisValue](), [.integer(9)], [.integer(1), .null, .null], [.integer(0), .null, .integer(1), .integer(1)],
        [.integer(3), .bytes([97]), .null],
    ])
    func `a record of another program is no answer`(reply: [RedisValue]) {
        #expect(OnceAnswer(reply) == nil)
    }
}
