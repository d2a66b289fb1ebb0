import RedisCore

/// Which load of which value is under way in this process, and who may still share it; pure.
struct FlightBoard: Sendable {
    typealias ID = UInt64

    /// What a flight loads.
    struct Route: Sendable, Hashable {
        let entry: RedisKey
        /// Two types under one key are two loads.
        let type: ObjectIdentifier
    }

    struct Seat: Sendable, Equatable {
        let flight: ID
        /// The caller is the first and has to start it.
        let isNew: Bool
        /// The flight's value was on its way into Redis before.
        let isLate: Bool
    }

    private struct Departure {
        let id: ID
        var isSealed = false
    }

    private var running: [RedisKey: [ObjectIdentifier: Departure]] = [:]
    private var lastID: ID = 0

    var isEmpty: Bool { running.isEmpty }

    mutating func join(_ route: Route) -> Seat {
        if let there = running[route.entry]?[route.type] {
            return Seat(flight: there.id, isNew: false, isLate: there.isSealed)
        }
        return Seat(flight: open(route), isNew: true, isLate: false)
    }

    /// A flight if there is none on this route.
    mutating func start(_ route: Route) -> ID? {
        running[route.entry]?[route.type] == nil ? open(route) : nil
    }

    private mutating func open(_ route: Route) -> ID {
        lastID += 1
        running[route.entry, default: [:]][route.type] = Departure(id: lastID)
        return lastID
    }

    /// Who joins from now on is late.
    mutating func seal(_ id: ID, _ route: Route) {
        guard running[route.entry]?[route.type]?.id == id else { return }
        running[route.entry]?[route.type]?.isSealed = true
    }

    /// Nobody joins it any more; true if somebody could.
    mutating func end(_ id: ID, _ route: Route) {
        guard running[route.entry]?[route.type]?.id == id else { return }
        running[route.entry]?[route.type] = nil
        if running[route.entry]?.isEmpty == true { running[route.entry] = nil }
    }

    /// The entry was changed: who comes now starts a flight of its own.
    mutating func detach(_ entry: RedisKey) { running[entry] = nil }

    /// Everything was changed whose key begins so.
    mutating func detach(prefix: String) {
        running = running.filter { !$0.key.name.utf8.starts(with: prefix.utf8) }
    }
}
