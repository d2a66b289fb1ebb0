import RedisCore
import Synchronization

/// The loads of one client's caches that are under way, one for each entry and type.
final class FlightTable: Sendable {
    private struct Rest {
        let print: EntryPrint
        let until: Moment
    }

    private struct State {
        var board = FlightBoard()
        var flights: [FlightBoard.ID: any AnyFlight] = [:]
        var rests: [RedisKey: Rest] = [:]
    }

    private static let mostRests = 4_096

    private let state = Mutex(State())
    private let begun = Atomic<UInt64>(0)

    /// How many loads have begun: a later number is a later load.
    var ticket: UInt64 { begun.load(ordering: .sequentiallyConsistent) }

    /// The number of a load that begins now.
    func beginLoad() -> UInt64 { begun.wrappingAdd(1, ordering: .sequentiallyConsistent).newValue }

    /// The flight there is, or a new one that the caller has to start.
    func join<Value: Sendable>(_ entry: RedisKey, _ type: Value.Type) -> (flight: Flight<Value>, seat: FlightBoard.Seat)
    {
        let route = Self.route(entry, type)
        return state.withLock { state in
            let seat = state.board.join(route)
            if !seat.isNew {
                guard let flight = state.flights[seat.flight] as? Flight<Value> else {
                    preconditionFailure("a flight is on the board as long as it is in the table")
                }
                return (flight, seat)
            }
            let flight = Flight<Value>(id: seat.flight, route)
            state.flights[seat.flight] = flight
            return (flight, seat)
        }
    }

    /// A flight for a refresh, unless one is under way.
    func start<Value: Sendable>(_ entry: RedisKey, _ type: Value.Type) -> Flight<Value>? {
        let route = Self.route(entry, type)
        return state.withLock { state in
            guard let id = state.board.start(route) else { return nil }
            let flight = Flight<Value>(id: id, route)
            state.flights[id] = flight
            return flight
        }
    }

    /// A flight that nobody else can join.
    func alone<Value: Sendable>(_ entry: RedisKey, _ type: Value.Type) -> Flight<Value> {
        Flight(id: 0, Self.route(entry, type))
    }

    private static func route<Value>(_ entry: RedisKey, _ type: Value.Type) -> FlightBoard.Route {
        FlightBoard.Route(entry: entry, type: ObjectIdentifier(type))
    }

    func seal(_ flight: some AnyFlight) { state.withLock { $0.board.seal(flight.id, flight.route) } }

    func end(_ flight: some AnyFlight) {
        state.withLock { state in
            state.board.end(flight.id, flight.route)
            state.flights[flight.id] = nil
        }
    }

    /// Entries were changed here: who calls from now on does not join the loads that are under way.
    func detach(_ entries: [RedisKey]) {
        state.withLock { state in
            guard !state.board.isEmpty else { return }
            for entry in entries { state.board.detach(entry) }
        }
    }

    /// All entries were changed whose keys begin so.
    func detach(prefix: String) { state.withLock { $0.board.detach(prefix: prefix) } }

    // MARK: Rests

    /// This value is not to be loaded again until then: somebody else does, or has failed to.
    func rest(_ entry: RedisKey, _ print: EntryPrint, until: Moment) {
        let now = Moment.now
        state.withLock { state in
            if state.rests.count >= Self.mostRests { state.rests = state.rests.filter { $0.value.until > now } }
            guard state.rests.count < Self.mostRests || state.rests[entry] != nil else { return }
            state.rests[entry] = Rest(print: print, until: until)
        }
    }

    func isResting(_ entry: RedisKey, _ print: EntryPrint) -> Bool {
        let now = Moment.now
        return state.withLock { state in
            guard let rest = state.rests[entry] else { return false }
            guard rest.print == print, now < rest.until else {
                state.rests[entry] = nil
                return false
            }
            return true
        }
    }

    /// How many wait for a value's flight.
    func waiters<Value: Sendable>(_ entry: RedisKey, _ type: Value.Type) -> Int {
        let route = Self.route(entry, type)
        return state.withLock { state in
            state.flights.values.reduce(0) { $0 + ($1.route == route ? $1.waiterCount : 0) }
        }
    }

    /// How many are under way.
    var count: Int { state.withLock { $0.flights.count } }
}
