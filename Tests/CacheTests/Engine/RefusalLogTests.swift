import RedisCore
import Testing

@testable import Cache

@Suite struct RefusalLogTests {
    private let start = Moment.now

    @Test func `a refusal is news once, per operation and reason`() {
        var log = RefusalLog()
        #expect(log.isEmpty)
        let news1 = log.refused("get", .noPermission, start)
        #expect(news1)
        let news2 = log.refused("get", .noPermission, start + .seconds(1))
        #expect(!news2)
        let news3 = log.refused("get", .crossSlot, start)
        #expect(news3)
        let news4 = log.refused("set", .noPermission, start)
        #expect(news4)
    }

    @Test func `refusals and successes that take turns are one refusal`() {
        var log = RefusalLog()
        let news5 = log.refused("get", .noPermission, start)
        #expect(news5)
        for second in 1...100 {
            let news6 = log.answered("get", start + .seconds(second))
            #expect(!news6)
            let news7 = log.refused("get", .noPermission, start + .seconds(second))
            #expect(!news7)
        }
        #expect(!log.isEmpty)
    }

    @Test func `it is over, once, with a success after a calm`() {
        var log = RefusalLog()
        _ = log.refused("get", .noPermission, start)
        let calm = start + log.calm
        let news8 = log.answered("set", calm)
        #expect(!news8 && !log.isEmpty)
        let news9 = log.answered("get", calm)
        #expect(news9 && log.isEmpty)
        let news10 = log.answered("get", calm)
        #expect(!news10)
        let news11 = log.refused("get", .noPermission, calm)
        #expect(news11)
    }

    @Test func `what is not tried any more is forgotten`() {
        var log = RefusalLog()
        _ = log.refused("rename", .crossSlot, start)
        let news12 = log.answered("get", start + log.calm * 30)
        #expect(!news12 && log.isEmpty)
    }
}
