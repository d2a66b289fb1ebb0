/// When a connection may connect, send, give up and end.
///
/// Pure: its owner does the work each action names.
///
/// idle → resolving → opening → handshaking → ready → draining → closed; a loss before closing leads through
/// backing-off to resolving again, for ever, unless the connection is made for one use.
struct ConnectionStateMachine: ~Copyable {
    /// Where the connection is in its life.
    enum State: Equatable {
        case idle
        case resolving(attempt: Int)
        /// A socket is being opened to an address; `others` are tried next.
        case opening(attempt: Int, others: [String])
        case handshaking(attempt: Int)
        case ready
        case backingOff(attempt: Int)
        /// No new commands; the replies still due are awaited.
        case draining
        case closed
    }

    /// What the owner does now.
    enum Action: Equatable {
        case none
        case resolve
        case open(address: String)
        case handshake
        case announceReady
        /// Wait before the attempt with this number, counted from 1 since the last success.
        case backOff(attempt: Int)
        /// Close the socket once the replies still due are in.
        case drain
        /// Close the socket now, if there is one, and end.
        case close
    }

    private(set) var state = State.idle
    private let reconnects: Bool

    init(reconnects: Bool) { self.reconnects = reconnects }

    var isClosed: Bool { state == .closed }

    /// Somebody needs the connection.
    mutating func open() -> Action {
        guard state == .idle else { return .none }
        state = .resolving(attempt: 1)
        return .resolve
    }

    /// The host name has addresses, at least one.
    mutating func resolved(_ addresses: [String]) -> Action {
        guard case .resolving(let attempt) = state, let first = addresses.first else { return .none }
        state = .opening(attempt: attempt, others: Array(addresses.dropFirst()))
        return .open(address: first)
    }

    /// The socket is connected.
    mutating func connected() -> Action {
        guard case .opening(let attempt, _) = state else { return .none }
        state = .handshaking(attempt: attempt)
        return .handshake
    }

    /// The server accepted credentials and database.
    mutating func handshakeSucceeded() -> Action {
        guard case .handshaking = state else { return .none }
        state = .ready
        return .announceReady
    }

    /// Resolving, opening, the handshake or the ready socket failed, or took too long.
    mutating func lost() -> Action {
        switch state {
        case .opening(let attempt, let others):
            guard let next = others.first else { return retry(attempt + 1) }
            state = .opening(attempt: attempt, others: Array(others.dropFirst()))
            return .open(address: next)
        case .resolving(let attempt), .handshaking(let attempt):
            return retry(attempt + 1)
        case .ready:
            return retry(1)
        case .draining:
            state = .closed
            return .close
        case .idle, .backingOff, .closed:
            return .none
        }
    }

    /// The connect timeout passed: no further address is tried in this attempt.
    mutating func connectTimedOut() -> Action {
        switch state {
        case .resolving(let attempt), .opening(let attempt, _), .handshaking(let attempt): retry(attempt + 1)
        case .idle, .ready, .backingOff, .draining, .closed: .none
        }
    }

    /// The pause between attempts is over.
    mutating func backOffElapsed() -> Action {
        guard case .backingOff(let attempt) = state else { return .none }
        state = .resolving(attempt: attempt)
        return .resolve
    }

    /// The owner wants no more.
    ///
    /// `hasRepliesDue` keeps a ready connection until they are in.
    mutating func close(hasRepliesDue: Bool) -> Action {
        switch state {
        case .ready where hasRepliesDue:
            state = .draining
            return .drain
        case .draining where hasRepliesDue, .closed:
            return .none
        case .idle, .resolving, .opening, .handshaking, .ready, .backingOff, .draining:
            state = .closed
            return .close
        }
    }

    /// The last reply due is in, or the drain's deadline passed.
    mutating func drained() -> Action {
        guard state == .draining else { return .none }
        state = .closed
        return .close
    }

    private mutating func retry(_ attempt: Int) -> Action {
        state = reconnects ? .backingOff(attempt: attempt) : .closed
        return reconnects ? .backOff(attempt: attempt) : .close
    }
}
