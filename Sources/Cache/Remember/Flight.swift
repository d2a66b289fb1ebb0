import RedisCore
import Synchronization

/// A flight without its value's type.
protocol AnyFlight: AnyObject, Sendable {
    var id: FlightBoard.ID { get }
    var route: FlightBoard.Route { get }
    var waiterCount: Int { get }
}

/// How a flight ended, with what it brought.
struct FlightEnd<Value: Sendable>: Sendable {
    let ending: FillMachine.Ending
    /// For a value that was loaded or read; nil when the source has none.
    var value: Value?
    /// The load's number.
    var began: UInt64 = 0
    /// How long loading took, or waiting for a value that was read.
    var took = Duration.zero
    /// Of a load that failed.
    var error: (any Error)?
}

/// One load and everybody who waits for it; each waiter leaves when it wants to, the load goes on.
final class Flight<Value: Sendable>: AnyFlight {
    /// Why a waiter goes on.
    enum Signal: Sendable {
        case ended(FlightEnd<Value>)
        case softTimedOut
        case hardTimedOut
        case cancelled
    }

    typealias Waiter = FirstOutcome<Signal>

    private struct State {
        var waiters: [ObjectIdentifier: Waiter] = [:]
        /// Somebody waited, and nobody does now.
        var isDeserted = false
        var end: FlightEnd<Value>?
    }

    let id: FlightBoard.ID
    let route: FlightBoard.Route
    /// Rings when another process' load has ended, and when nobody waits any more.
    let bell = WakeBell()
    private let state = Mutex(State())

    init(id: FlightBoard.ID, _ route: FlightBoard.Route) {
        self.id = id
        self.route = route
    }

    var waiterCount: Int { state.withLock(\.waiters.count) }
    var isDeserted: Bool { state.withLock(\.isDeserted) }

    /// A new waiter; settled at once when the flight has ended.
    func enter() -> Waiter {
        let waiter = Waiter()
        let end = state.withLock { state in
            if state.end == nil {
                state.waiters[ObjectIdentifier(waiter)] = waiter
                state.isDeserted = false
            }
            return state.end
        }
        if let end { waiter.settle(.ended(end)) }
        return waiter
    }

    func leave(_ waiter: Waiter) {
        let isLast = state.withLock { state in
            guard state.waiters.removeValue(forKey: ObjectIdentifier(waiter)) != nil else { return false }
            state.isDeserted = state.waiters.isEmpty
            return state.isDeserted
        }
        if isLast { bell.ring() }
    }

    /// Tells everybody; once.
    func end(_ end: FlightEnd<Value>) {
        let waiters = state.withLock { state in
            guard state.end == nil else { return [Waiter]() }
            state.end = end
            defer { state.waiters = [:] }
            return Array(state.waiters.values)
        }
        for waiter in waiters { waiter.settle(.ended(end)) }
    }
}
