import Testing

@testable import RedisCore

@Suite struct `The ring of entries` {
    private func entry(_ id: UInt64) -> ReplyEntry {
        ReplyEntry(id: id, handler: AbandonedReply.self, token: 0, deadline: id, repliesLeft: 1)
    }

    @Test(arguments: UInt64(1)...8)
    func `behaves as a queue, wherever it wraps and grows`(seed: UInt64) {
        var random = SplitMix(seed: seed)
        let ring = ReplyRing()
        var model: [UInt64] = []
        var next: UInt64 = 1
        for _ in 0..<3_000 {
            // Mostly growing at first, mostly shrinking later: through every size up to some hundreds.
            if model.isEmpty || Int.random(in: 0..<100, using: &random) < (next < 1_000 ? 60 : 45) {
                ring.append(entry(next))
                model.append(next)
                next += 1
            } else {
                if ring[0].pointee.id != model[0] { Issue.record("\(ring[0].pointee.id) is first, not \(model[0])") }
                ring.removeFirst()
                model.removeFirst()
            }
            if ring.count != model.count { Issue.record("\(ring.count) entries, \(model.count) expected") }
        }
        if let some = model.randomElement(using: &random) {
            #expect(ring.firstIndex(of: some) == model.firstIndex(of: some))
        }
        #expect(ring.firstIndex(of: next) == nil)
        #expect(ring.removeAll().map(\.id) == model)
        #expect(ring.isEmpty)
        ring.append(entry(7))
        #expect(ring[0].pointee.id == 7)
    }
}

@Suite struct `The queue of what cannot be sent yet` {
    private func unit(_ id: UInt64, deadline: UInt64) -> CommandQueue.Waiting {
        let entry = ReplyEntry(
            id: id, handler: AbandonedReply.self, token: UInt(id), deadline: deadline, repliesLeft: 1)
        return CommandQueue.Waiting(entry: entry, bytes: [UInt8(id)], payloads: [])
    }

    @Test func `keeps the order, and loses only what is cancelled or late`() {
        var queue = CommandQueue()
        for (id, deadline) in [(1, 30), (2, 10), (3, 20), (4, 40)] as [(UInt64, UInt64)] {
            queue.append(unit(id, deadline: deadline))
        }
        #expect(queue.remove(id: 3)?.token == 3)
        #expect(queue.remove(id: 3) == nil)
        #expect(queue.removeLate(9).isEmpty)
        #expect(queue.removeLate(10).map(\.id) == [2])
        #expect(queue.popFirst()?.bytes == [1])
        #expect(queue.count == 1)
        #expect(queue.removeAll().map(\.id) == [4])
        #expect(queue.isEmpty && queue.popFirst() == nil)
    }
}
