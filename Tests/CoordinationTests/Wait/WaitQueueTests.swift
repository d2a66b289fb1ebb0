import RedisCore
import Testing

@testable import Coordination

@Suite struct WaitQueueTests {
    private let start = Moment.now
    private var soon: Moment { start + .seconds(1) }

    private func listening(_ ids: WaitQueue.ID...) -> WaitQueue {
        var queue = WaitQueue(retryAt: soon)
        for id in ids { #expect(queue.join(id) == .none) }
        #expect(queue.subscribed() == .attempt(ids[0]))
        #expect(queue.finished(ids[0], .denied(retryAt: soon)) == .none)
        return queue
    }

    @Test func `the first waiter asks again once the subscription is confirmed`() {
        var queue = WaitQueue(retryAt: soon)
        #expect(queue.join(1) == .none)
        #expect(queue.wakeAt == soon)
        #expect(queue.subscribed() == .attempt(1))
        #expect(queue.wakeAt == nil)
    }

    @Test func `on a confirmed channel the first waiter asks at once`() {
        var queue = listening(1)
        #expect(queue.leave(1) == .none)
        #expect(queue.join(2) == .attempt(2))
    }

    @Test func `one message wakes one waiter, the first`() {
        var queue = listening(1, 2, 3)
        #expect(queue.wake() == .attempt(1))
        #expect(queue.finished(1, .granted(retryAt: soon)) == .none)
        #expect(queue.wake() == .attempt(2))
        #expect(queue.count == 2)
    }

    @Test func `a message during an attempt makes it ask again`() {
        var queue = listening(1)
        #expect(queue.wake() == .attempt(1))
        #expect(queue.wake() == .none)
        #expect(queue.finished(1, .denied(retryAt: soon)) == .attempt(1))
        #expect(queue.finished(1, .denied(retryAt: soon)) == .none)
    }

    @Test func `the end of the holder's time wakes without a message`() {
        var queue = listening(1)
        #expect(queue.timer(start) == .none)
        #expect(queue.timer(soon) == .attempt(1))
        #expect(queue.timer(soon) == .none)
    }

    @Test func `a waiter that gives up while it is asked passes the wake-up on`() {
        var queue = listening(1, 2)
        #expect(queue.wake() == .attempt(1))
        #expect(queue.leave(1) == .attempt(2))
    }

    @Test func `a sleeping waiter that gives up wakes nobody`() {
        var queue = listening(1, 2)
        #expect(queue.leave(1) == .none)
        #expect(queue.wakeAt == soon)
        #expect(queue.wake() == .attempt(2))
    }

    @Test func `a failed attempt lets the next one try`() {
        var queue = listening(1, 2)
        _ = queue.wake()
        #expect(queue.finished(1, .over) == .attempt(2))
        #expect(queue.finished(2, .over) == .none)
        #expect(queue.isEmpty)
    }

    @Test func `an attempt that ended twice counts once`() {
        var queue = listening(1, 2)
        _ = queue.wake()
        #expect(queue.finished(1, .granted(retryAt: soon)) == .none)
        #expect(queue.finished(1, .over) == .none)
        #expect(queue.leave(1) == .none)
        #expect(queue.count == 1)
    }

    /// Whatever happens in whatever order: a wake-up is never lost while somebody waits, and nobody is asked twice at
    /// once.
    @Test(arguments: 0..<50)
    func `no wake-up is lost in any order of events`(seed: UInt64) {
        var random = SplitMix(seed: seed)
        var queue = WaitQueue(retryAt: soon)
        var waiting: [WaitQueue.ID] = []
        var asked: WaitQueue.ID?
        var owed = false
        var next: WaitQueue.ID = 0
        func note(_ action: WaitQueue.Action) {
            guard case .attempt(let id) = action else { return }
            #expect(asked == nil)
            #expect(waiting.first == id)
            asked = id
            owed = false
        }
        for _ in 0..<400 {
            switch Int.random(in: 0..<6, using: &random) {
            case 0:
                next += 1
                waiting.append(next)
                note(queue.join(next))
            case 1:
                if !waiting.isEmpty { owed = true }
                note(queue.wake())
            case 2: note(queue.subscribed())
            case 3:
                guard let index = waiting.indices.randomElement(using: &random) else { continue }
                let id = waiting.remove(at: index)
                let wasAsked = asked == id
                if wasAsked {
                    asked = nil
                    owed = !waiting.isEmpty
                }
                note(queue.leave(id))
                if waiting.isEmpty { owed = false }
            case 4:
                guard let id = asked else { continue }
                asked = nil
                note(queue.finished(id, .denied(retryAt: soon)))
            default:
                guard let id = asked else { continue }
                asked = nil
                owed = false
                waiting.removeFirst()
                note(queue.finished(id, .granted(retryAt: soon)))
            }
            #expect(!owed || asked != nil, "somebody waits, a wake-up came, and nobody was asked")
            #expect(queue.count == waiting.count)
        }
    }
}
