import Testing

@testable import RedisCore

@Suite struct `The connection's state machine` {
    @Test func `resolves, opens, shakes hands and is ready`() {
        var machine = ConnectionStateMachine(reconnects: true)
        #expect(machine.open() == .resolve)
        #expect(machine.open() == .none)
        #expect(machine.resolved(["a", "b"]) == .open(address: "a"))
        #expect(machine.connected() == .handshake)
        #expect(machine.handshakeSucceeded() == .announceReady)
        #expect(machine.state == .ready)
    }

    @Test func `tries the next address before it backs off`() {
        var machine = ConnectionStateMachine(reconnects: true)
        _ = machine.open()
        _ = machine.resolved(["a", "b"])
        #expect(machine.lost() == .open(address: "b"))
        #expect(machine.lost() == .backOff(attempt: 2))
        #expect(machine.backOffElapsed() == .resolve)
        _ = machine.resolved(["a"])
        #expect(machine.lost() == .backOff(attempt: 3))
    }

    @Test func `tries no further address after the time limit, and none after a failed handshake`() {
        var late = ConnectionStateMachine(reconnects: true)
        _ = late.open()
        _ = late.resolved(["a", "b"])
        #expect(late.connectTimedOut() == .backOff(attempt: 2))
        var refused = ConnectionStateMachine(reconnects: true)
        _ = refused.open()
        _ = refused.resolved(["a", "b"])
        _ = refused.connected()
        #expect(refused.lost() == .backOff(attempt: 2))
    }

    @Test func `begins to count anew when a ready connection is lost`() {
        var machine = ready()
        #expect(machine.lost() == .backOff(attempt: 1))
        #expect(machine.backOffElapsed() == .resolve)
    }

    @Test func `is closed by a loss when it was made for one use`() {
        var machine = ready(reconnects: false)
        #expect(machine.lost() == .close)
        #expect(machine.state == .closed)
        #expect(machine.open() == .none)
    }

    @Test func `waits for replies due before it closes`() {
        var machine = ready()
        #expect(machine.close(hasRepliesDue: true) == .drain)
        #expect(machine.close(hasRepliesDue: true) == .none)
        #expect(machine.drained() == .close)
        var lost = ready()
        _ = lost.close(hasRepliesDue: true)
        #expect(lost.lost() == .close)
        var impatient = ready()
        _ = impatient.close(hasRepliesDue: true)
        #expect(impatient.close(hasRepliesDue: false) == .close)
        var idle = ready()
        #expect(idle.close(hasRepliesDue: false) == .close)
        #expect(idle.close(hasRepliesDue: false) == .none)
    }

    @Test func `closes at once from wherever it is on its way`() {
        var fresh = ConnectionStateMachine(reconnects: true)
        #expect(fresh.close(hasRepliesDue: true) == .close)
        var resolving = ConnectionStateMachine(reconnects: true)
        _ = resolving.open()
        #expect(resolving.close(hasRepliesDue: true) == .close)
        // What was on its way when it was closed changes nothing any more.
        #expect(resolving.resolved(["a"]) == .none)
        #expect(resolving.connected() == .none && resolving.handshakeSucceeded() == .none)
        #expect(resolving.lost() == .none && resolving.backOffElapsed() == .none && resolving.drained() == .none)
        #expect(resolving.connectTimedOut() == .none)
        #expect(resolving.state == .closed)
    }

    /// Whatever comes in whatever order: closed stays closed, and every attempt begins with a name to resolve.
    @Test(arguments: UInt64(1)...20)
    func `survives any order of events`(seed: UInt64) {
        var random = SplitMix(seed: seed)
        var machine = ConnectionStateMachine(reconnects: Bool.random(using: &random))
        var hasSocket = false
        for _ in 0..<500 {
            let wasClosed = machine.isClosed
            let action =
                switch Int.random(in: 0..<9, using: &random) {
                case 0: machine.open()
                case 1: machine.resolved(["a", "b"])
                case 2: hasSocket ? machine.connected() : .none
                case 3: machine.handshakeSucceeded()
                case 4, 5: machine.lost()
                case 6: machine.connectTimedOut()
                case 7: machine.backOffElapsed()
                default:
                    Int.random(in: 0..<20, using: &random) == 0
                        ? machine.close(hasRepliesDue: Bool.random(using: &random)) : machine.drained()
                }
            if wasClosed { #expect(action == .none && machine.state == .closed) }
            switch action {
            case .open: hasSocket = true
            case .resolve, .backOff, .close: hasSocket = false
            case .handshake, .announceReady: #expect(hasSocket)
            case .none, .drain: break
            }
        }
    }

    private func ready(reconnects: Bool = true) -> ConnectionStateMachine {
        var machine = ConnectionStateMachine(reconnects: reconnects)
        _ = machine.open()
        _ = machine.resolved(["a"])
        _ = machine.connected()
        _ = machine.handshakeSucceeded()
        return machine
    }
}
