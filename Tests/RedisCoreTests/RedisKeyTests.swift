import RedisCore
import Testing

@Suite struct `A key` {
    @Test func `equals another by its bytes, not by what it looks like`() {
        let composed = RedisKey("caf\u{E9}")
        let decomposed = RedisKey("cafe\u{301}")
        #expect(composed.name == decomposed.name)
        #expect(composed != decomposed)
        #expect(Set([composed, decomposed, RedisKey("caf\u{E9}")]).count == 2)
        #expect(composed == RedisKey("caf\u{E9}"))
        #expect("\(composed)" == composed.name)
    }
}
