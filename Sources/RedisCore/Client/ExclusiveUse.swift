import Synchronization

/// What one borrower did to an exclusive connection: whether the next may have it, and that this one is through with
/// it.
final class ExclusiveUse: Sendable {
    private struct State {
        var marks = ConnectionMarks()
        var isOver = false
    }

    private let state = Mutex(State())

    /// Before commands are sent; false when the connection was given back already.
    func begin(_ commands: [RedisCommand]) -> Bool {
        state.withLock { state in
            guard !state.isOver else { return false }
            for command in commands { state.marks.sending(command) }
            return true
        }
    }

    /// The server answered these commands.
    func answered(_ commands: [RedisCommand]) {
        state.withLock { state in
            for command in commands { state.marks.answered(command) }
        }
    }

    /// The borrower is through; true when nothing of it is left on the connection.
    func end() -> Bool {
        state.withLock { state in
            state.isOver = true
            return state.marks.isClean
        }
    }
}

/// What is left on a connection by the commands sent over it: a pure value.
///
/// What sets something counts from the moment it is sent, what takes it back only when it was answered.
struct ConnectionMarks {
    private var isWatching = false
    private var isQueueing = false
    private var hasChanged = false

    var isClean: Bool { !isWatching && !isQueueing && !hasChanged }

    mutating func sending(_ command: RedisCommand) {
        switch command.name.uppercased() {
        case "WATCH": isWatching = true
        case "MULTI": isQueueing = true
        default: hasChanged = hasChanged || CommandFacts.changesConnection(command)
        }
    }

    mutating func answered(_ command: RedisCommand) {
        switch command.name.uppercased() {
        case "EXEC", "DISCARD":
            isWatching = false
            isQueueing = false
        // Inside MULTI it is queued, and has no effect before EXEC, which ends all watching itself.
        case "UNWATCH" where !isQueueing: isWatching = false
        // Again, because a pipeline may begin anew what it has ended.
        default: sending(command)
        }
    }
}
