import Testing

@testable import Coordination

@Suite struct LeaseTimeTests {
    @Test(arguments: [Duration.zero, .microseconds(999), .seconds(-1), .seconds(20 * 365 * 86_400)])
    func `a time Redis would delete by, or overflow with, is refused`(time: Duration) {
        #expect { try LeaseTime(time, "the time to live", operation: "acquire") } throws: {
            let error = $0 as? CoordinationError
            return error?.code == .invalidArgument && error?.message.contains("the time to live") == true
        }
    }

    @Test func `parts of a millisecond are cut`() throws {
        #expect(try LeaseTime(.microseconds(1_999), "ttl", operation: "t").milliseconds == 1)
        #expect(try LeaseTime(.seconds(30), "ttl", operation: "t").milliseconds == 30_000)
    }

    @Test func `trust keeps a margin`() throws {
        #expect(try LeaseTime(.seconds(30), "ttl", operation: "t").trusted == .milliseconds(29_698))
        #expect(try LeaseTime(.milliseconds(2), "ttl", operation: "t").trusted < .zero)
    }

    @Test func `tokens are 128 bits of hexadecimal and never the same`() {
        #expect(Token(high: 0x0123_4567_89AB_CDEF, low: 0xFF).text == "0123456789abcdef00000000000000ff")
        #expect(Set((0..<1_000).map { _ in Token() }).count == 1_000)
    }
}
