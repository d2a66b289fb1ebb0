/// Who wants which channel and pattern, and what the server has been told. Pure.
///
/// Each name is sent to the server when its first subscription comes and taken back when its last one leaves. A name
/// that is on its way out when somebody wants it again is asked for again once the server has let it go: the two
/// commands never race.
struct SubscriptionRegistry {
    typealias SubscriptionID = UInt64
    typealias RequestID = UInt64

    /// A channel or a pattern.
    struct Name: Hashable, Sendable {
        enum Kind: Hashable, Sendable { case channel, pattern }
        let kind: Kind
        let text: String
    }

    /// What to send now; empty lists are not sent.
    struct Commands: Equatable {
        var subscribe: [Name] = []
        var unsubscribe: [Name] = []
        var isEmpty: Bool { subscribe.isEmpty && unsubscribe.isEmpty }
    }

    /// What a confirmation completed.
    struct Completion: Equatable {
        var requests: [RequestID] = []
        /// Subscriptions all of whose names are heard again after a loss.
        var recovered: [SubscriptionID] = []
        var commands = Commands()
    }

    private enum ServerState { case none, subscribing, subscribed, unsubscribing }

    private struct Entry {
        var state = ServerState.none
        var wantedBy: Set<SubscriptionID> = []
    }

    private var entries: [Name: Entry] = [:]
    private var namesOf: [SubscriptionID: Set<Name>] = [:]
    /// Names each request still waits for.
    private var requests: [RequestID: Set<Name>] = [:]
    private var deaf: Set<SubscriptionID> = []
    private var isConnected = false

    var isEmpty: Bool { entries.isEmpty }
    /// True while some subscription has not got all its names back.
    var hasDeaf: Bool { !deaf.isEmpty }
    /// Channels and patterns the server has or gets.
    var nameCount: Int { entries.count }

    func wantedBy(_ name: Name) -> Set<SubscriptionID> { entries[name]?.wantedBy ?? [] }

    /// A subscription wants names; `request` is completed when the server has confirmed them all.
    mutating func add(_ id: SubscriptionID, _ names: [Name], request: RequestID) -> Completion {
        var completion = Completion()
        var waitsFor: Set<Name> = []
        for name in names {
            namesOf[id, default: []].insert(name)
            var entry = entries[name] ?? Entry()
            entry.wantedBy.insert(id)
            if entry.state == .none, isConnected {
                entry.state = .subscribing
                completion.commands.subscribe.append(name)
            }
            if entry.state != .subscribed { waitsFor.insert(name) }
            entries[name] = entry
        }
        if waitsFor.isEmpty { completion.requests = [request] } else { requests[request] = waitsFor }
        return completion
    }

    /// A subscription gives names up; nil means all of them.
    mutating func remove(_ id: SubscriptionID, _ names: [Name]? = nil) -> Commands {
        var commands = Commands()
        for name in names ?? Array(namesOf[id] ?? []) {
            guard namesOf[id]?.remove(name) != nil, var entry = entries[name] else { continue }
            entry.wantedBy.remove(id)
            entries[name] = entry
            guard entry.wantedBy.isEmpty else { continue }
            switch entry.state {
            case .none: entries[name] = nil
            case .subscribed:
                entries[name]?.state = .unsubscribing
                commands.unsubscribe.append(name)
            // Taken back when the confirmation comes.
            case .subscribing, .unsubscribing: break
            }
        }
        if namesOf[id]?.isEmpty == true {
            namesOf[id] = nil
            deaf.remove(id)
        }
        return commands
    }

    /// The caller of a request has gone.
    mutating func forget(_ request: RequestID) { requests[request] = nil }

    /// The server confirmed a subscription.
    mutating func subscribed(_ name: Name) -> Completion {
        var completion = Completion()
        guard var entry = entries[name], entry.state == .subscribing else { return completion }
        if entry.wantedBy.isEmpty {
            entry.state = .unsubscribing
            completion.commands.unsubscribe.append(name)
            entries[name] = entry
            return completion
        }
        entry.state = .subscribed
        entries[name] = entry
        for (request, names) in requests where names.contains(name) {
            requests[request]?.remove(name)
            guard requests[request]?.isEmpty == true else { continue }
            requests[request] = nil
            completion.requests.append(request)
        }
        for id in deaf.intersection(entry.wantedBy) where isHeard(id) {
            deaf.remove(id)
            completion.recovered.append(id)
        }
        completion.requests.sort()
        completion.recovered.sort()
        return completion
    }

    /// The server confirmed that it let a name go.
    mutating func unsubscribed(_ name: Name) -> Commands {
        guard var entry = entries[name], entry.state == .unsubscribing else { return Commands() }
        if entry.wantedBy.isEmpty {
            entries[name] = nil
            return Commands()
        }
        entry.state = .subscribing
        entries[name] = entry
        return Commands(subscribe: [name])
    }

    /// A new connection is ready: everything wanted is asked for again.
    mutating func connected() -> Commands {
        isConnected = true
        var commands = Commands()
        for (name, entry) in entries where entry.state == .none {
            entries[name]?.state = .subscribing
            commands.subscribe.append(name)
        }
        commands.subscribe.sort { ($0.kind == .pattern ? 1 : 0, $0.text) < ($1.kind == .pattern ? 1 : 0, $1.text) }
        return commands
    }

    /// The connection is gone, and with it all the server knew. Subscriptions that heard something are deaf now.
    mutating func lost() {
        isConnected = false
        for (name, entry) in entries {
            if entry.state == .subscribed { deaf.formUnion(entry.wantedBy) }
            if entry.wantedBy.isEmpty { entries[name] = nil } else { entries[name]?.state = .none }
        }
    }

    /// Requests that wait for a confirmation; all subscriptions of theirs are still registered.
    var openRequests: [RequestID] { requests.keys.sorted() }

    private func isHeard(_ id: SubscriptionID) -> Bool {
        (namesOf[id] ?? []).allSatisfy { entries[$0]?.state == .subscribed }
    }
}
