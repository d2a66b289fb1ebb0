import RedisCore
import TestSupport

@testable import Cache

/// What calls and flights ask of Redis, one atomic step each; a value is the number of the source's version.
protocol FillServer {
    mutating func look() async throws -> SimLook
    mutating func acquire(_ token: FillToken, replacing print: EntryPrint) async throws -> FillAnswer
    mutating func isAlive(_ at: Int64) async throws -> Bool
    mutating func fill(_ token: FillToken, _ version: Int, at: Int64) async throws -> Bool
    mutating func drop(_ token: FillToken, failed: Bool) async throws
    mutating func invalidate(_ how: SimInvalidation) async throws
    /// The entry ages, if the server can do that.
    mutating func age()
}

struct SimLook: Sendable {
    var sight = RememberMachine.Sight.missing
    var version = 0
    var print = EntryPrint.none
}

enum SimInvalidation: CaseIterable, Sendable {
    case delete
    case tag
}

/// What a broken implementation would do: the checker has to notice each.
enum SimFlaw: CaseIterable, Sendable {
    /// Values are stored whoever has the lease.
    case fillsWithoutLease
    /// Waiters take whatever their flight brings.
    case sharesUnconfirmed
    /// Callers that come while a value is being stored count as if they had come before.
    case neverSeals
    /// Stamps of tags are not asked for.
    case ignoresStamps
}

/// Calls, flights and writers of several processes, each in small steps that a test puts in any order.
struct RememberWorld<Server: FillServer> {
    struct Step: Equatable { var actor: Actor; var isFault = false }
    enum Actor: Equatable { case call(Int), flight(process: Int, id: UInt64), writer(Int), time }

    struct Call {
        enum Phase {
            case idle
            case looking
            case looked(SimLook)
            case waiting(UInt64)
            case done
        }
        let process: Int
        var phase = Phase.idle
        var machine = RememberMachine(ticket: 0)
        var seen = SimLook()
        /// The source's version when the last invalidation before the call was complete.
        var floor = 0
        var delivered: Int?
        var isStale = false
    }

    struct Flight {
        enum Phase {
            case doing(FillMachine.Action)
            case answered(FillAnswer?)
            case loading(at: Int64?)
            case loaded(at: Int64?)
            case confirming(isAlive: Bool?)
            case filled(landed: Bool?, isAlive: Bool?)
            case ended
        }
        var machine: FillMachine
        var phase: Phase
        let print: EntryPrint
        let token = FillToken()
        var at: Int64?
        var version = 0
        var began: UInt64 = 0
        var asked = 0
        var ending: FillMachine.Ending?
    }

    struct Process {
        var board = FlightBoard()
        var begun: UInt64 = 0
        var flights: [UInt64: Flight] = [:]
        var isResting = false
    }

    struct Writer {
        enum Phase { case idle, wrote, invalidated, done }
        var phase = Phase.idle
        let how: SimInvalidation
        var version = 0
    }

    var server: Server
    var processes: [Process]
    var calls: [Call]
    var writers: [Writer]
    /// A writer changes the source, invalidates and is done in one step: fewer orders, and none that matters less.
    var writesAtOnce = false
    /// How often the value may grow old.
    var agings = 0
    var flaw: SimFlaw?
    private(set) var source = 1
    private(set) var completed = 0
    private(set) var loads = 0
    private(set) var violations: [String] = []
    private let start = Moment.now
    private let route = FlightBoard.Route(entry: "sim", type: ObjectIdentifier(Int.self))

    init(_ server: Server, processes: Int, calls: [Int], writers: [SimInvalidation]) {
        self.server = server
        self.processes = Array(repeating: Process(), count: processes)
        self.calls = calls.map { Call(process: $0) }
        self.writers = writers.map { Writer(how: $0) }
    }

    // MARK: What may happen next

    /// Everybody who can go on; nobody when all is over.
    func next() -> [Actor] {
        var actors: [Actor] = []
        for (index, call) in calls.enumerated() {
            switch call.phase {
            case .waiting(let id): if processes[call.process].flights[id]?.ending != nil { actors.append(.call(index)) }
            case .idle, .looking, .looked: actors.append(.call(index))
            case .done: break
            }
        }
        for (number, process) in processes.enumerated() {
            for (id, flight) in process.flights.sorted(by: { $0.key < $1.key }) where flight.ending == nil {
                actors.append(.flight(process: number, id: id))
            }
        }
        for (index, writer) in writers.enumerated() where writer.phase != .done { actors.append(.writer(index)) }
        if agings > 0 { actors.append(.time) }
        return actors
    }

    /// `isFault`: this step's reply is lost, its load throws, or its waiter loses patience.
    mutating func take(_ actor: Actor, isFault: Bool = false) async throws {
        switch actor {
        case .call(let index): try await call(index, isFault)
        case .flight(let process, let id): try await flight(process, id, isFault)
        case .writer(let index): try await write(index)
        case .time:
            agings -= 1
            server.age()
        }
    }

    // MARK: Writers

    private mutating func write(_ index: Int) async throws {
        repeat { try await writeStep(index) } while writesAtOnce && writers[index].phase != .done
    }

    private mutating func writeStep(_ index: Int) async throws {
        switch writers[index].phase {
        case .idle:
            source += 1
            writers[index].version = source
            writers[index].phase = .wrote
        case .wrote:
            try await server.invalidate(writers[index].how)
            writers[index].phase = .invalidated
        case .invalidated:
            completed = max(completed, writers[index].version)
            writers[index].phase = .done
        case .done: break
        }
    }

    // MARK: Calls

    private mutating func call(_ index: Int, _ isFault: Bool) async throws {
        let process = calls[index].process
        switch calls[index].phase {
        case .idle:
            calls[index].machine = RememberMachine(ticket: processes[process].begun)
            calls[index].floor = completed
            try await look(index, isFault)
        case .looking: try await look(index, isFault)
        case .looked(let seen):
            calls[index].seen = seen
            act(index, calls[index].machine.saw(seen.sight, isResting: processes[process].isResting))
        case .waiting(let id):
            guard let flight = processes[process].flights[id], let ending = flight.ending else { return }
            var machine = calls[index].machine
            if flaw == .sharesUnconfirmed, case .loaded = ending { machine = RememberMachine(ticket: 0) }
            act(index, machine.ended(ending, began: flight.began), flight)
        case .done: break
        }
    }

    private mutating func look(_ index: Int, _ isFault: Bool) async throws {
        calls[index].phase = .looked(isFault ? SimLook(sight: .unreachable) : try await server.look())
    }

    private mutating func act(_ index: Int, _ action: RememberMachine.Action, _ flight: Flight? = nil) {
        let process = calls[index].process
        switch action {
        case .look: calls[index].phase = .looking
        case .deliver(let refreshing):
            if refreshing, let id = processes[process].board.start(route) {
                open(id, .refresh, calls[index].seen, process)
            }
            deliver(index, calls[index].seen.version)
        case .deliverStale:
            calls[index].isStale = true
            deliver(index, calls[index].seen.version)
        case .join(let purpose):
            let seat = processes[process].board.join(route)
            calls[index].machine.joined(isLate: seat.isLate && flaw != .neverSeals)
            if seat.isNew { open(seat.flight, purpose, calls[index].seen, process) }
            calls[index].phase = .waiting(seat.flight)
        case .flyAlone:
            calls[index].machine.joined(isLate: false)
            let id = UInt64(1_000_000 + index)
            open(id, .miss, SimLook(sight: .unreachable), process)
            calls[index].phase = .waiting(id)
        case .deliverLoaded, .deliverRead: deliver(index, flight?.version ?? 0)
        case .fail, .failTimedOut: calls[index].phase = .done
        }
    }

    private mutating func deliver(_ index: Int, _ version: Int) {
        calls[index].phase = .done
        calls[index].delivered = version
        guard version < calls[index].floor else { return }
        violations.append("call \(index) got version \(version), \(calls[index].floor) was invalidated before it began")
    }

    // MARK: Flights

    private mutating func open(_ id: UInt64, _ purpose: FillMachine.Purpose, _ seen: SimLook, _ process: Int) {
        let machine = FillMachine(purpose, waitsForOthers: true, giveUpAt: start + .seconds(10))
        processes[process].flights[id] = Flight(
            machine: machine, phase: .doing(machine.begin(hasRedis: seen.sight != .unreachable)), print: seen.print)
    }

    private mutating func flight(_ process: Int, _ id: UInt64, _ isFault: Bool) async throws {
        guard var flight = processes[process].flights[id] else { return }
        switch flight.phase {
        case .doing(let action): try await perform(action, &flight, process, id, isFault)
        case .answered(let answer):
            flight.asked += 1
            // Patience ends by number here.
            let now = start + (flight.asked > 4 ? .seconds(20) : .zero)
            flight.phase = .doing(flight.machine.acquired(answer, now: now))
        case .loading(let at):
            flight.version = source
            loads += 1
            flight.phase = isFault ? .doing(flight.machine.failed(at: at)) : .loaded(at: at)
        case .loaded(let at):
            flight.at = at
            let action = flight.machine.loaded(at: at, canBeStored: true)
            // Nobody's seat counts as early from the line before the commands are sent.
            if action == .fill { processes[process].board.seal(id, route) }
            flight.phase = .doing(action)
        case .confirming(let isAlive):
            let landed =
                flaw == .fillsWithoutLease
                ? try await forced(flight) : try await server.fill(flight.token, flight.version, at: flight.at ?? 0)
            flight.phase = .filled(landed: isFault ? nil : landed, isAlive: flaw == .ignoresStamps ? true : isAlive)
        case .filled(let landed, let isAlive):
            flight.phase = .doing(flight.machine.filled(landed: landed, isAlive: isAlive))
        case .ended: break
        }
        processes[process].flights[id] = flight
    }

    /// Takes the lease first: nothing keeps such a value out.
    private mutating func forced(_ flight: Flight) async throws -> Bool {
        _ = try await server.acquire(flight.token, replacing: try await server.look().print)
        return try await server.fill(flight.token, flight.version, at: flight.at ?? 0)
    }

    private mutating func perform(
        _ action: FillMachine.Action, _ flight: inout Flight, _ process: Int, _ id: UInt64, _ isFault: Bool
    ) async throws {
        switch action {
        case .acquire:
            let answer = try await server.acquire(flight.token, replacing: flight.print)
            flight.phase = .answered(isFault ? nil : answer)
        case .listen: flight.phase = .doing(flight.machine.listening(!isFault))
        case .wait: flight.phase = .doing(flight.machine.woken())
        case .read:
            processes[process].board.seal(id, route)
            let seen = try await server.look()
            flight.version = seen.version
            flight.phase = .doing(flight.machine.read(isValue: seen.sight == .hit || seen.sight == .early))
        case .load(let at):
            processes[process].begun += 1
            flight.began = processes[process].begun
            flight.phase = .loading(at: at)
        case .fill: flight.phase = .confirming(isAlive: isFault ? nil : try await server.isAlive(flight.at ?? 0))
        case .drop(let failed):
            if !isFault { try await server.drop(flight.token, failed: failed) }
            flight.phase = .doing(flight.machine.dropped())
        case .end(let ending):
            if case .held = ending { processes[process].isResting = true }
            flight.ending = ending
            flight.phase = .ended
            processes[process].board.end(id, route)
        }
    }
}
