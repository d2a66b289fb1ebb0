import FoundationEssentials

/// Who listens to what on **one** subscriber connection: a pure state machine, one method per event.
///
/// Names are counted by their holders. Each name has at most one decisive command on its way:
///
/// ```
/// absent ──subscribe──▶ subscribing ──confirmed──▶ subscribed
///   ▲                      ▲     └──no holder──┐       │ no holder
///   │                      │ wanted again      ▼       ▼
///   └──confirmed, unwanted─┴─────────────── unsubscribing
/// ```
///
/// A name that is wanted again while its UNSUBSCRIBE is on its way is subscribed only after that was confirmed: the
/// server would keep the order, but hiredis 0.14 forgets the new subscription with the confirmation of the old one's
/// end. After a lost connection every name is absent, is sent again when the next one is ready, and each subscriber
/// that was listening learns of one gap once all it had is confirmed again.
///
/// `Subscriber` is whatever receives messages; requests are calls that wait for the server's confirmation.
struct SubscriptionRegistry<Subscriber: Hashable & Sendable> {
    /// A call that waits until all its names are confirmed, by a number that the caller uses once.
    typealias Request = UInt64

    /// What the owner has to do, in this order: send SUBSCRIBE before UNSUBSCRIBE, resume, report.
    struct Actions {
        /// Names to send, each kind in a command of its own.
        var subscribe: [SubscribedName] = []
        var unsubscribe: [SubscribedName] = []
        /// Requests whose names are all confirmed, or no longer wanted.
        var confirmed: [Request] = []
        /// Requests whose subscriber was removed.
        var failed: [Request] = []
        /// Subscribers that hear everything again after having been deaf.
        var gapsEnded: [(subscriber: Subscriber, loss: Loss)] = []
    }

    /// Why and since when subscribers are deaf; of several losses in a row the first counts.
    struct Loss: Sendable, Hashable {
        let since: Date
        let reason: String
    }

    private enum Phase {
        case absent
        case subscribing
        case subscribed
        case unsubscribing
    }

    private struct Entry {
        var phase = Phase.absent
        var holders: [Subscriber] = []
        /// Holders that heard this name before the connection was lost and wait for it.
        var deaf: [Subscriber] = []
        var waiting: [Request] = []
    }

    private struct Member {
        var names: [SubscribedName: Claim] = [:]
        /// Names that have this subscriber among their deaf.
        var deafTo = 0
        var loss: Loss?

        mutating func lose(_ loss: Loss) {
            deafTo += 1
            self.loss = self.loss ?? loss
        }
    }

    /// Why a subscriber has a name: a confirmed request asked for it, or requests that may still be abandoned.
    private struct Claim {
        var isCommitted = false
        var requests: [Request] = []
    }

    private struct Pending {
        let subscriber: Subscriber
        let names: [SubscribedName]
        var waitingFor: Set<SubscribedName> = []
    }

    private var entries: [SubscribedName: Entry] = [:]
    private var members: [Subscriber: Member] = [:]
    private var requests: [Request: Pending] = [:]
    private var isConnected = false

    /// True when nobody wants any name.
    var isEmpty: Bool { members.isEmpty }

    /// Who gets a message for this name: everyone whose subscription to it is confirmed.
    func receivers(of name: SubscribedName) -> [Subscriber] {
        guard let entry = entries[name], entry.phase == .subscribed else { return [] }
        return entry.holders
    }
}

// MARK: - Events from subscribers

extension SubscriptionRegistry {
    /// A subscriber wants names, some of which it may have already; the request may be confirmed at once.
    mutating func subscribe(
        _ subscriber: Subscriber, to names: some Sequence<SubscribedName>, request: Request
    ) -> Actions {
        var actions = Actions()
        var pending = Pending(subscriber: subscriber, names: Array(names))
        for name in pending.names {
            if claim(name, by: subscriber, request) { entries[name, default: Entry()].holders.append(subscriber) }
            if isConnected, entries[name]?.phase == .absent {
                entries[name]?.phase = .subscribing
                actions.subscribe.append(name)
            }
            if entries[name]?.phase != .subscribed, pending.waitingFor.insert(name).inserted {
                entries[name]?.waiting.append(request)
            }
        }
        requests[request] = pending
        if pending.waitingFor.isEmpty { confirm(request, &actions) }
        return actions
    }

    /// A subscriber no longer wants names; those it does not have are ignored.
    mutating func unsubscribe(_ subscriber: Subscriber, from names: some Sequence<SubscribedName>) -> Actions {
        var actions = Actions()
        for name in names { release(name, by: subscriber, &actions) }
        return actions
    }

    /// A subscriber ends: its names are released, its requests fail, and it learns of nothing more.
    mutating func remove(_ subscriber: Subscriber) -> Actions {
        var actions = Actions()
        guard let member = members[subscriber] else { return actions }
        for name in member.names.keys { release(name, by: subscriber, &actions) }
        actions.failed = actions.confirmed
        actions.confirmed = []
        actions.gapsEnded = []
        return actions
    }

    /// The caller of a request stopped waiting (cancelled, deadline): names that only it asked for are released.
    mutating func abandon(_ request: Request) -> Actions {
        var actions = Actions()
        guard let pending = requests.removeValue(forKey: request) else { return actions }
        for name in pending.waitingFor { entries[name]?.waiting.removeAll { $0 == request } }
        for name in pending.names {
            guard members[pending.subscriber]?.names[name]?.requests.contains(request) == true else { continue }
            members[pending.subscriber]?.names[name]?.requests.removeAll { $0 == request }
            let claim = members[pending.subscriber]?.names[name]
            if let claim, !claim.isCommitted, claim.requests.isEmpty { release(name, by: pending.subscriber, &actions) }
        }
        return actions
    }
}

// MARK: - Events from the connection

extension SubscriptionRegistry {
    /// The handshake is done: every wanted name is to be sent, in no particular order.
    mutating func connectionReady() -> Actions {
        var actions = Actions()
        isConnected = true
        for index in entries.values.indices { entries.values[index].phase = .subscribing }
        actions.subscribe = Array(entries.keys)
        return actions
    }

    /// The connection is gone; no confirmation of it may be reported after this.
    mutating func connectionLost(_ loss: Loss) {
        isConnected = false
        entries = entries.filter { !$0.value.holders.isEmpty }
        for index in entries.values.indices {
            if entries.values[index].phase == .subscribed {
                let deaf = entries.values[index].holders
                entries.values[index].deaf = deaf
                for subscriber in deaf { members[subscriber]?.lose(loss) }
            }
            entries.values[index].phase = .absent
        }
    }

    /// The server confirmed a SUBSCRIBE or PSUBSCRIBE.
    mutating func serverSubscribed(_ name: SubscribedName) -> Actions {
        var actions = Actions()
        // While unsubscribing, the confirmation is that of the subscription which is about to end.
        guard let entry = entries[name], entry.phase == .subscribing else { return actions }
        entries[name]?.phase = .subscribed
        entries[name]?.deaf = []
        entries[name]?.waiting = []
        for subscriber in entry.deaf { hear(subscriber, &actions) }
        for request in entry.waiting { settle(request, name, &actions) }
        return actions
    }

    /// The server confirmed an UNSUBSCRIBE or PUNSUBSCRIBE.
    mutating func serverUnsubscribed(_ name: SubscribedName) -> Actions {
        var actions = Actions()
        guard let entry = entries[name], entry.phase == .unsubscribing else { return actions }
        if entry.holders.isEmpty {
            entries[name] = nil
        } else {
            entries[name]?.phase = .subscribing
            actions.subscribe = [name]
        }
        return actions
    }
}

// MARK: - Transitions

extension SubscriptionRegistry {
    private mutating func release(_ name: SubscribedName, by subscriber: Subscriber, _ actions: inout Actions) {
        guard members[subscriber]?.names.removeValue(forKey: name) != nil, let entry = entries[name] else { return }
        entries[name]?.holders.removeAll { $0 == subscriber }
        if entry.deaf.contains(subscriber) {
            entries[name]?.deaf.removeAll { $0 == subscriber }
            hear(subscriber, &actions)
        }
        for request in entry.waiting where requests[request]?.subscriber == subscriber {
            entries[name]?.waiting.removeAll { $0 == request }
            settle(request, name, &actions)
        }
        if members[subscriber]?.names.isEmpty == true { members[subscriber] = nil }
        if entries[name]?.holders.isEmpty == true { end(name, &actions) }
    }

    /// Nobody holds the name any more.
    private mutating func end(_ name: SubscribedName, _ actions: inout Actions) {
        switch entries[name]?.phase {
        case .absent:
            entries[name] = nil
        case .subscribing, .subscribed:
            entries[name]?.phase = .unsubscribing
            actions.unsubscribe.append(name)
        case .unsubscribing, nil:
            break
        }
    }

    /// Adds a request to the reasons why a subscriber has a name; true when it did not have it before.
    private mutating func claim(_ name: SubscribedName, by subscriber: Subscriber, _ request: Request) -> Bool {
        let isNew = members[subscriber]?.names[name] == nil
        let isRepeated = members[subscriber]?.names[name]?.requests.last == request
        if !isRepeated {
            members[subscriber, default: Member()].names[name, default: Claim()].requests.append(request)
        }
        return isNew
    }

    /// One name more that a request need not wait for.
    private mutating func settle(_ request: Request, _ name: SubscribedName, _ actions: inout Actions) {
        requests[request]?.waitingFor.remove(name)
        if requests[request]?.waitingFor.isEmpty == true { confirm(request, &actions) }
    }

    private mutating func confirm(_ request: Request, _ actions: inout Actions) {
        guard let pending = requests.removeValue(forKey: request) else { return }
        actions.confirmed.append(request)
        // A claim without this request is of a later time: the name was given up and asked for again in between.
        for name in pending.names
        where members[pending.subscriber]?.names[name]?.requests.contains(request) == true {
            members[pending.subscriber]?.names[name]?.requests.removeAll { $0 == request }
            members[pending.subscriber]?.names[name]?.isCommitted = true
        }
    }

    /// One name more that a subscriber is not deaf to.
    private mutating func hear(_ subscriber: Subscriber, _ actions: inout Actions) {
        members[subscriber]?.deafTo -= 1
        guard let member = members[subscriber], member.deafTo == 0, let loss = member.loss else { return }
        members[subscriber]?.loss = nil
        actions.gapsEnded.append((subscriber, loss))
    }
}
