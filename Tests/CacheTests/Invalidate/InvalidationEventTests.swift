import EventBus
import FoundationEssentials
import RedisCore
import TestSupport
import Testing

@testable import Cache

@Suite struct InvalidationEventTests {
    private func read(_ text: String) -> InvalidationEvent.Reading { InvalidationEvent.read(Array(text.utf8)) }

    @Test func `an event is read as it was written`() throws {
        for id in ["7", nil, "\"}{é"] {
            let event = InvalidationEvent(entity: "user", id: id, change: .deleted)
            let json = try event.json(source: "api", at: Date(timeIntervalSince1970: 1_700_000_000))
            #expect(InvalidationEvent.read(Array(json)) == .event(event))
            let text = String(decoding: json, as: UTF8.self)
            #expect(text.contains("\"type\":\"cache.invalidate\""))
            #expect(text.contains("\"timestamp\":\"2023-11-14T22:13:20.000000Z\""))
            #expect(text.contains("\"source\":\"api\""))
        }
    }

    @Test func `what programs in other languages write is read`() {
        let go =
            #"{"type":"cache.invalidate","payload":{"entity":"user","id":7,"x":[1]},"#
            + #""timestamp":"2024-02-29T23:59:59.99+07:00","source":"go"}"#
        #expect(read(go) == .event(.init(entity: "user", id: "7", change: .updated)))
        let most =
            #"{"type":"cache.invalidate","payload":{"entity":"user","id":18446744073709551615,"change":"eaten"},"#
            + #""timestamp":1732179184123}"#
        #expect(read(most) == .event(.init(entity: "user", id: "18446744073709551615", change: .updated)))
        let bare = #"{"type":"cache.invalidate","payload":{"entity":"user"}}"#
        #expect(read(bare) == .event(.init(entity: "user", id: nil, change: .updated)))
    }

    @Test func `other events are none of ours, and garbage is garbage`() {
        #expect(read(#"{"type":"order.placed","payload":{"id":7}}"#) == .foreign)
        for text in ["", "x", "{}", "[]", #"{"type":7}"#] { #expect(read(text) == .unreadable(isOurs: false)) }
        #expect(InvalidationEvent.read([0xFF, 0xFE]) == .unreadable(isOurs: false))
        #expect(read(String(repeating: "[", count: 20_000)) == .foreign)
        #expect(read(String(repeating: "[", count: 10_000)) == .unreadable(isOurs: false))
    }

    @Test func `one of ours that does not say what has changed is told apart`() {
        let long = String(repeating: "x", count: 20_000)
        for text in [
            #"{"type":"cache.invalidate"}"#, #"{"type":"cache.invalidate","payload":{"enti"#,
            #"{"type":"cache.invalidate","payload":{"entity":"user","id":1.5}}"#,
            #"{"type":"cache.invalidate","payload":{"entity":"user","id":"7","note":"\#(long)"}}"#,
            #"{"type":"cache.invalidate","payload":{"entity":""}}"#,
            #"{"type":"cache.invalidate","payload":{"entity":"user","id":""}}"#,
            #"{"type":"cache.invalidate","payload":"user"}"#,
            #"{"type":"cache.invalidate","payload":{"entity":"\#(String(repeating: "x", count: 300))"}}"#,
        ] {
            #expect(read(text) == .unreadable(isOurs: true), "\(text)")
        }
        #expect(read(#"{"type":"order.placed","payload":{"note":"\#(long)"}}"#) == .foreign)
    }

    @Test func `what each change ends`() {
        func ends(_ id: String?, _ change: InvalidationEvent.Change) -> Invalidation {
            InvalidationEvent(entity: "user", id: id, change: change).invalidation
        }
        #expect(ends("7", .updated) == .object(entity: "user", id: "7", keepsEntry: false))
        #expect(ends("7", .created) == .object(entity: "user", id: "7", keepsEntry: false))
        #expect(ends("7", .stored) == .object(entity: "user", id: "7", keepsEntry: true))
        #expect(ends(nil, .created) == .lists(entity: "user"))
        #expect(ends(nil, .updated) == .entity("user"))
    }

    @Test func `a reader tells the first unreadable message, each gap and each loss`() {
        var reader = InvalidationReader()
        func message(_ text: String) -> SubscriptionEvent {
            .message(SubscriptionMessage(channel: "c", payload: Array(text.utf8)))
        }
        #expect(reader.read(message("x"), dropped: 0) == [.unreadable(isFirst: true, isOurs: false)])
        #expect(reader.read(message("y"), dropped: 0) == [.unreadable(isFirst: false, isOurs: false)])
        let broken = #"{"type":"cache.invalidate"}"#
        #expect(reader.read(message(broken), dropped: 0) == [.unreadable(isFirst: true, isOurs: true)])
        #expect(reader.read(message(broken), dropped: 0) == [.unreadable(isFirst: false, isOurs: true)])
        #expect(reader.read(message(#"{"type":"other"}"#), dropped: 0) == [.nothing])
        let gap = SubscriptionGap(since: Date(), until: Date(), reason: "cut")
        #expect(reader.read(.gap(gap), dropped: 0) == [.missed("cut")])
        let event = #"{"type":"cache.invalidate","payload":{"entity":"user","change":"created"}}"#
        let both = reader.read(message(event), dropped: 3)
        #expect(both.count == 2 && both.last == .invalidate(.lists(entity: "user")))
        #expect(reader.read(message(event), dropped: 3).count == 1)
    }

    @Test func `subscribers of the event bus read our events, and we read theirs`() async throws {
        struct Changed: EventPayload {
            static let eventType = "cache.invalidate"
            let entity: String
            let id: String
        }
        try await withRedis { _, redis in
            let cache = RedisCache(redis, prefix: "app", options: .unhurried)
            let invalidator = Invalidator(cache, strategy: .onEvent(channel: "changes"), options: .init(source: "api"))
            let subscriber = EventSubscriber(redis)
            let seen = TestSignal()
            subscriber.on(Changed.self) { changed, context in
                if changed.entity == "user", changed.id == "7", context.source == "api" { seen.fire() }
            }
            let listening = Task { try await subscriber.run(channels: ["changes"]) }
            try await eventually("it listens") {
                try await redis.command(RedisCommand("PUBSUB", "NUMSUB", "changes"), as: [String].self).last == "1"
            }
            try await invalidator.afterUpdate("user", id: "7")
            try await seen.wait()
            listening.cancel()
            _ = await listening.result

            let running = Task { try await invalidator.run() }
            try await cache.set("user:9", 1)
            let publisher = EventPublisher(redis, source: "elsewhere")
            try await eventually("it applies") {
                try await publisher.publish(Changed(entity: "user", id: "9"), to: "changes")
                return try await cache.get("user:9", as: Int.self) == nil
            }
            running.cancel()
            _ = await running.result
            try await cache.reap()
        }
    }
}
