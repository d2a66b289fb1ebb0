import RedisCore
import Testing

@testable import Cache

@Suite struct InvalidationQueueTests {
    private let now = Moment.now
    private func later(_ seconds: Int) -> Moment { now + .seconds(seconds) }

    @Test func `one entry for each thing, of which the last counts`() {
        var queue = InvalidationQueue(capacity: 10)
        let user = Invalidation.object(entity: "user", id: "7", keepsEntry: false)
        #expect(queue.add(user, until: later(10)) == .queued)
        #expect(queue.add(user, until: later(30)) == .queued)
        #expect(queue.add(.lists(entity: "user"), until: later(5)) == .queued)
        #expect(queue.count == 2)
        let (batch, abandoned) = queue.take(later(20))
        #expect(batch == [.init(what: user, until: later(30))])
        #expect(abandoned == 1)
        #expect(queue.count == 0)
    }

    @Test func `things that only look alike wait apart`() {
        var queue = InvalidationQueue(capacity: 10)
        for id in ["caf\u{E9}", "cafe\u{301}"] {
            _ = queue.add(.object(entity: "user", id: id, keepsEntry: false), until: later(10))
            _ = queue.add(.lists(entity: id), until: later(10))
            _ = queue.add(.entity(id), until: later(10))
        }
        #expect(queue.count == 6)
        let batch = InvalidationBatch(queue.take(now).batch.map(\.what))
        #expect(batch.keys.count == 2)
        #expect(batch.tags.count == 7)
    }

    @Test func `what is put back does not shorten what came meanwhile`() {
        var queue = InvalidationQueue(capacity: 10)
        let user = Invalidation.object(entity: "user", id: "7", keepsEntry: false)
        _ = queue.add(user, until: later(10))
        let (batch, _) = queue.take(now)
        _ = queue.add(user, until: later(30))
        #expect(queue.putBack(batch) == .queued)
        #expect(queue.take(now).batch == [.init(what: user, until: later(30))])
    }

    @Test func `too many become one of everything, and nothing is forgotten`() {
        var queue = InvalidationQueue(capacity: 3)
        for number in 0..<3 { #expect(queue.add(.lists(entity: "e\(number)"), until: later(number)) == .queued) }
        #expect(queue.add(.lists(entity: "e3"), until: later(1)) == .widened)
        #expect(queue.count == 1)
        #expect(queue.add(.lists(entity: "e4"), until: later(9)) == .queued)
        #expect(queue.take(now).batch == [.init(what: .everything, until: later(9))])
    }

    @Test func `what was put back can widen it too`() {
        var queue = InvalidationQueue(capacity: 2)
        for number in 0..<2 { _ = queue.add(.lists(entity: "e\(number)"), until: later(5)) }
        let (batch, _) = queue.take(now)
        for number in 2..<4 { _ = queue.add(.lists(entity: "e\(number)"), until: later(5)) }
        #expect(queue.putBack(batch) == .widened)
        #expect(queue.take(now).batch.map(\.what) == [.everything])
    }

    @Test func `a batch is the least that has to be sent`() {
        let batch = InvalidationBatch([
            .object(entity: "user", id: "7", keepsEntry: false), .object(entity: "user", id: "8", keepsEntry: true),
            .lists(entity: "job"), .entity("team"),
        ])
        #expect(batch.keys == ["user:7"])
        #expect(batch.tags == ["user:7", "user:8", "user:list", "job:list", "team", "team:list"])
        #expect(!batch.clears)
        #expect(InvalidationBatch([.lists(entity: "a"), .everything]).clears)
    }
}
