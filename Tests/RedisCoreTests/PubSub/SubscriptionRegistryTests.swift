import FoundationEssentials
import Testing

@testable import RedisCore

private typealias Registry = SubscriptionRegistry<String>

private let a = SubscribedName(.channel, "a")
private let b = SubscribedName(.channel, "b")
private let aPattern = SubscribedName(.pattern, "a")

@Suite struct `The subscription registry` {
    private var registry = Registry()
    private let loss = Registry.Loss(since: Date(timeIntervalSince1970: 1), reason: "first")

    private var lastRequest: UInt64 = 0

    init() { _ = registry.connectionReady() }

    private mutating func subscribe(
        _ subscriber: String, to names: [SubscribedName]
    ) -> (request: Registry.Request, actions: Registry.Actions) {
        lastRequest += 1
        return (lastRequest, registry.subscribe(subscriber, to: names, request: lastRequest))
    }

    @Test mutating func `sends a new name once and confirms both who wait for it`() {
        let first = subscribe("ada", to: [a])
        let second = subscribe("bob", to: [a])
        #expect(first.actions.subscribe == [a])
        #expect(second.actions.subscribe.isEmpty)
        #expect(registry.receivers(of: a).isEmpty)
        let confirmed = registry.serverSubscribed(a)
        #expect(confirmed.confirmed == [first.request, second.request])
        #expect(registry.receivers(of: a) == ["ada", "bob"])
    }

    @Test mutating func `confirms at once what is subscribed already`() {
        _ = subscribe("ada", to: [a])
        _ = registry.serverSubscribed(a)
        let second = subscribe("bob", to: [a])
        #expect(second.actions.confirmed == [second.request])
        #expect(second.actions.subscribe.isEmpty)
        #expect(registry.receivers(of: a) == ["ada", "bob"])
    }

    @Test mutating func `confirms a request when its last name is confirmed`() {
        let (request, actions) = subscribe("ada", to: [a, b, aPattern, a])
        #expect(actions.subscribe == [a, b, aPattern])
        #expect(registry.serverSubscribed(b).confirmed.isEmpty)
        #expect(registry.serverSubscribed(a).confirmed.isEmpty)
        #expect(registry.serverSubscribed(aPattern).confirmed == [request])
        #expect(registry.receivers(of: a) == ["ada"])
    }

    @Test mutating func `confirms a request without names at once`() {
        let (request, actions) = subscribe("ada", to: [])
        #expect(actions.confirmed == [request])
        #expect(registry.isEmpty)
    }

    @Test mutating func `keeps channels and patterns of one name apart`() {
        _ = subscribe("ada", to: [a])
        _ = registry.serverSubscribed(a)
        #expect(subscribe("bob", to: [aPattern]).actions.subscribe == [aPattern])
        #expect(registry.receivers(of: aPattern).isEmpty)
    }

    @Test mutating func `compares names by bytes, not by what they look like`() {
        let composed = SubscribedName(.channel, "caf\u{E9}")
        let decomposed = SubscribedName(.channel, "cafe\u{301}")
        #expect(composed.name == decomposed.name)
        #expect(subscribe("ada", to: [composed, decomposed]).actions.subscribe.count == 2)
    }

    @Test mutating func `unsubscribes with the last holder only`() {
        _ = subscribe("ada", to: [a])
        _ = subscribe("bob", to: [a])
        _ = registry.serverSubscribed(a)
        #expect(registry.unsubscribe("ada", from: [a]).unsubscribe.isEmpty)
        #expect(registry.receivers(of: a) == ["bob"])
        #expect(registry.unsubscribe("bob", from: [a, b]).unsubscribe == [a])
        #expect(registry.receivers(of: a).isEmpty)
        #expect(registry.isEmpty)
    }

    @Test mutating func `subscribes again when a name is wanted while its end is on its way`() {
        _ = subscribe("ada", to: [a])
        _ = registry.serverSubscribed(a)
        _ = registry.unsubscribe("ada", from: [a])
        let (request, actions) = subscribe("bob", to: [a])
        #expect(actions.subscribe.isEmpty)
        #expect(registry.receivers(of: a).isEmpty)
        #expect(registry.serverUnsubscribed(a).subscribe == [a])
        #expect(registry.serverSubscribed(a).confirmed == [request])
        #expect(registry.receivers(of: a) == ["bob"])
    }

    @Test mutating func `ignores the confirmation of a subscription that is about to end`() {
        let early = subscribe("ada", to: [a])
        #expect(registry.remove("ada").unsubscribe == [a])
        let late = subscribe("bob", to: [a])
        #expect(registry.serverSubscribed(a).confirmed.isEmpty)
        #expect(registry.serverUnsubscribed(a).subscribe == [a])
        #expect(registry.serverSubscribed(a).confirmed == [late.request])
        #expect(early.request != late.request)
    }

    @Test mutating func `does not wait for a name that was given up meanwhile`() {
        let (request, _) = subscribe("ada", to: [a, b])
        _ = registry.serverSubscribed(a)
        #expect(registry.unsubscribe("ada", from: [b]).confirmed == [request])
        #expect(registry.receivers(of: a) == ["ada"])
    }

    @Test mutating func `fails what a removed subscriber still waits for`() {
        let (request, _) = subscribe("ada", to: [a])
        let actions = registry.remove("ada")
        #expect(actions.failed == [request])
        #expect(actions.confirmed.isEmpty)
        #expect(registry.remove("ada").unsubscribe.isEmpty)
    }
}

// MARK: - Abandoned requests

extension `The subscription registry` {
    @Test mutating func `takes back what only an abandoned request asked for`() {
        let first = subscribe("ada", to: [a])
        _ = registry.serverSubscribed(a)
        let second = subscribe("ada", to: [a, b])
        #expect(second.actions.subscribe == [b])
        #expect(registry.abandon(second.request).unsubscribe == [b])
        #expect(registry.receivers(of: a) == ["ada"])
        #expect(registry.abandon(first.request).unsubscribe.isEmpty)
    }

    @Test mutating func `keeps a name that another request of the subscriber waits for`() {
        let first = subscribe("ada", to: [a])
        let second = subscribe("ada", to: [a])
        #expect(registry.abandon(first.request).unsubscribe.isEmpty)
        #expect(registry.serverSubscribed(a).confirmed == [second.request])
        #expect(registry.receivers(of: a) == ["ada"])
    }

    @Test mutating func `keeps a name that a later request was told it has`() {
        let first = subscribe("ada", to: [a, b])
        _ = registry.serverSubscribed(a)
        let second = subscribe("ada", to: [a])
        #expect(second.actions.confirmed == [second.request])
        #expect(registry.abandon(first.request).unsubscribe == [b])
        #expect(registry.receivers(of: a) == ["ada"])
    }

    @Test mutating func `does not take a name back that was given up and asked for again`() {
        let first = subscribe("ada", to: [a, b])
        _ = registry.serverSubscribed(a)
        _ = registry.unsubscribe("ada", from: [a])
        _ = registry.serverUnsubscribed(a)
        let second = subscribe("ada", to: [a])
        #expect(registry.abandon(first.request).unsubscribe == [b])
        #expect(registry.serverSubscribed(a).confirmed == [second.request])
    }
}

// MARK: - Reconnects

extension `The subscription registry` {
    @Test mutating func `keeps what is asked for while there is no connection`() {
        registry.connectionLost(loss)
        let (request, actions) = subscribe("ada", to: [a])
        #expect(actions.subscribe.isEmpty)
        _ = subscribe("bob", to: [b])
        #expect(registry.remove("bob").unsubscribe.isEmpty)
        #expect(registry.connectionReady().subscribe == [a])
        let confirmed = registry.serverSubscribed(a)
        #expect(confirmed.confirmed == [request])
        #expect(confirmed.gapsEnded.isEmpty, "who never heard anything has no gap")
    }

    @Test mutating func `reports one gap when everything is heard again`() {
        _ = subscribe("ada", to: [a, b])
        _ = subscribe("bob", to: [a])
        _ = registry.serverSubscribed(a)
        _ = registry.serverSubscribed(b)
        registry.connectionLost(loss)
        #expect(registry.receivers(of: a).isEmpty)
        #expect(Set(registry.connectionReady().subscribe) == [a, b])
        #expect(registry.serverSubscribed(a).gapsEnded.map(\.subscriber) == ["bob"])
        let last = registry.serverSubscribed(b)
        #expect(last.gapsEnded.map(\.subscriber) == ["ada"])
        #expect(last.gapsEnded.first?.loss == loss)
        #expect(registry.receivers(of: a) == ["ada", "bob"])
    }

    @Test mutating func `reports one gap since the first loss after several`() {
        _ = subscribe("ada", to: [a, b])
        _ = registry.serverSubscribed(a)
        _ = registry.serverSubscribed(b)
        registry.connectionLost(loss)
        _ = registry.connectionReady()
        #expect(registry.serverSubscribed(a).gapsEnded.isEmpty)
        registry.connectionLost(.init(since: Date(timeIntervalSince1970: 2), reason: "second"))
        _ = registry.connectionReady()
        #expect(registry.serverSubscribed(a).gapsEnded.isEmpty)
        let last = registry.serverSubscribed(b)
        #expect(last.gapsEnded.map(\.loss) == [loss])
    }

    @Test mutating func `ends the gap when the last name it waits for is given up`() {
        _ = subscribe("ada", to: [a, b])
        _ = registry.serverSubscribed(a)
        _ = registry.serverSubscribed(b)
        registry.connectionLost(loss)
        _ = registry.connectionReady()
        _ = registry.serverSubscribed(a)
        #expect(registry.unsubscribe("ada", from: [b]).gapsEnded.map(\.subscriber) == ["ada"])
    }

    @Test mutating func `tells a removed subscriber of no gap`() {
        _ = subscribe("ada", to: [a])
        _ = registry.serverSubscribed(a)
        registry.connectionLost(loss)
        #expect(registry.remove("ada").gapsEnded.isEmpty)
        #expect(registry.connectionReady().subscribe.isEmpty)
    }

    @Test mutating func `forgets an end that was on its way when the connection was lost`() {
        _ = subscribe("ada", to: [a])
        _ = registry.serverSubscribed(a)
        _ = registry.unsubscribe("ada", from: [a])
        let (request, _) = subscribe("bob", to: [a])
        registry.connectionLost(loss)
        #expect(registry.connectionReady().subscribe == [a])
        let confirmed = registry.serverSubscribed(a)
        #expect(confirmed.confirmed == [request])
        #expect(confirmed.gapsEnded.isEmpty)
    }
}
