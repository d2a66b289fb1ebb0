import FoundationEssentials
import Synchronization
import TestSupport
import Testing

@testable import RedisCore

@Suite struct `A subscription's buffer` {
    private static func message(_ text: String) -> SubscriptionEvent {
        .message(SubscriptionMessage(channel: "c", payload: Array(text.utf8)))
    }

    private static let gap = SubscriptionEvent.gap(SubscriptionGap(since: Date(), until: Date(), reason: "test"))

    private static func text(_ event: SubscriptionEvent?) -> String? {
        switch event {
        case .message(let message): String(decoding: message.payload, as: UTF8.self)
        case .gap: "gap"
        case nil: nil
        }
    }

    private let pauses = Pauses()

    private final class Pauses: Sendable {
        private let all = Mutex<[Bool]>([])
        var seen: [Bool] { all.withLock { $0 } }
        func note(_ isPaused: Bool) { all.withLock { $0.append(isPaused) } }
    }

    private func storage(_ buffer: SubscriptionBuffer) -> SubscriptionStorage {
        SubscriptionStorage(id: 1, buffer, on: .shared) { [pauses] in pauses.note($0) }
    }

    /// Stages events in one turn of the loop, and returns when they were handed over.
    private func give(_ storage: SubscriptionStorage, _ events: SubscriptionEvent...) async {
        await EventLoop.shared.run { for event in events { storage.stage(event) } }
        // The hand-over is at the end of that turn: a later turn has seen it.
        try? await EventLoop.shared.sleep(for: .zero)
    }

    private func rest(_ storage: SubscriptionStorage) async -> [String] {
        storage.finish(discarding: false)
        var texts: [String] = []
        while let event = await storage.next(), let text = Self.text(event) { texts.append(text) }
        return texts
    }

    @Test func `forgets the oldest when it is full, and counts`() async {
        let storage = storage(SubscriptionBuffer(capacity: 3, overflow: .dropOldest))
        await give(
            storage, Self.message("1"), Self.message("2"), Self.message("3"), Self.message("4"), Self.message("5"))
        #expect(storage.dropped == 2)
        #expect(await rest(storage) == ["3", "4", "5"])
    }

    @Test func `forgets the newest when it is full, and counts`() async {
        let storage = storage(SubscriptionBuffer(capacity: 2, overflow: .dropNewest))
        await give(storage, Self.message("1"), Self.message("2"), Self.message("3"))
        #expect(storage.dropped == 1)
        #expect(await rest(storage) == ["1", "2"])
    }

    @Test(arguments: [SubscriptionBuffer.Overflow.dropOldest, .dropNewest, .blockReading])
    func `never forgets a gap`(overflow: SubscriptionBuffer.Overflow) async {
        let storage = storage(SubscriptionBuffer(capacity: 1, overflow: overflow))
        await give(storage, Self.message("1"), Self.gap, Self.message("2"))
        #expect(await rest(storage).contains("gap"))
    }

    @Test func `counts bytes as well, and takes one message beyond them`() async {
        let storage = storage(SubscriptionBuffer(capacity: 100, maxBytes: 4, overflow: .dropOldest))
        await give(storage, Self.message("12345"))
        #expect(storage.dropped == 0)
        await give(storage, Self.message("ab"), Self.message("cd"))
        #expect(storage.dropped == 1)
        await give(storage, Self.message("e"))
        #expect(storage.dropped == 2)
        #expect(await rest(storage) == ["cd", "e"])
    }

    @Test func `stops the reading when it is full, and lets it go on when it is half empty`() async {
        let storage = storage(SubscriptionBuffer(capacity: 4, overflow: .blockReading))
        await give(storage, Self.message("1"), Self.message("2"), Self.message("3"))
        #expect(pauses.seen.isEmpty)
        await give(storage, Self.message("4"), Self.message("5"))
        #expect(pauses.seen == [true])
        _ = await storage.next()
        _ = await storage.next()
        #expect(pauses.seen == [true])
        _ = await storage.next()
        #expect(pauses.seen == [true, false])
        #expect(storage.dropped == 0)
        #expect(await rest(storage) == ["4", "5"])
    }

    @Test func `hands everything over at once, or as much as is asked for`() async {
        let storage = storage(SubscriptionBuffer())
        await give(storage, Self.message("1"), Self.gap, Self.message("2"), Self.message("3"))
        let two = await storage.nextBatch(max: 2)
        #expect(two?.map(Self.text) == ["1", "gap"])
        let others = await storage.nextBatch(max: .max)
        #expect(others?.map(Self.text) == ["2", "3"])
    }

    @Test func `wakes who waits for the first event`() async throws {
        let storage = storage(SubscriptionBuffer())
        let reader = Task { Self.text(await storage.next()) }
        await give(storage, Self.message("1"))
        let text = try await within { await reader.value }
        #expect(text == "1")
    }

    @Test func `ends for a cancelled reader, and keeps what comes for the next`() async throws {
        let storage = storage(SubscriptionBuffer())
        let reader = Task { Self.text(await storage.next()) }
        reader.cancel()
        let nothing = try await within { await reader.value }
        #expect(nothing == nil)
        await give(storage, Self.message("1"))
        #expect(await rest(storage) == ["1"])
    }

    @Test func `hands out the rest after its end, unless it is to be forgotten`() async {
        let kept = storage(SubscriptionBuffer())
        await give(kept, Self.message("1"))
        kept.finish(discarding: false)
        await give(kept, Self.message("late"))
        #expect(Self.text(await kept.next()) == "1")
        #expect(await kept.next() == nil)
        #expect(await kept.nextBatch(max: 9) == nil)
        let forgotten = storage(SubscriptionBuffer())
        await give(forgotten, Self.message("1"))
        forgotten.finish(discarding: true)
        #expect(await forgotten.next() == nil)
    }

    @Test func `ends for who waits`() async throws {
        let storage = storage(SubscriptionBuffer())
        let reader = Task { await storage.nextBatch(max: 9)?.count }
        await give(storage)
        storage.finish(discarding: false)
        let count = try await within { await reader.value }
        #expect(count == nil)
    }

    @Test func `is at least one message large`() {
        let buffer = SubscriptionBuffer(capacity: 0, maxBytes: -1)
        #expect(buffer.capacity == 1 && buffer.maxBytes == 1)
    }
}
