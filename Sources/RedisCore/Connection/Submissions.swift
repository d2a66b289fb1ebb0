/// What callers left for a connection's loop to pick up; guarded by the connection's mutex.
struct Submissions {
    var batch = CommandBatch()
    var cancelled: [UInt64] = []
    /// True once the loop has been told.
    var isAnnounced = false
    /// Open while the connection is idle and callers may write a command themselves.
    var lane = DirectLane()

    /// Takes a command that is encoded already; true when the loop has to be told.
    mutating func take(_ lent: LentBytes, _ entry: ReplyEntry) -> Bool {
        if lane.isFree, batch.isEmpty, lane.write(lent.bytes, entry) { return lane.announces(&isAnnounced) }
        batch.append(encoded: lent.bytes, entry)
        return announce()
    }

    /// Takes one or more commands; true when the loop has to be told.
    mutating func take(_ source: some CommandSource, _ entry: ReplyEntry) -> Bool {
        if lane.isFree, batch.isEmpty, lane.write(source, entry) { return lane.announces(&isAnnounced) }
        batch.append(source, entry)
        return announce()
    }

    /// Takes back a caller's wish; true when the loop has to be told.
    mutating func cancel(_ id: UInt64) -> Bool {
        cancelled.append(id)
        return announce()
    }

    private mutating func announce() -> Bool {
        defer { isAnnounced = true }
        return !isAnnounced
    }
}

/// A caller's bytes inside the connection's lock.
///
/// Unchecked: nobody else knows them, and they are written or copied before the lock is given back.
struct LentBytes: @unchecked Sendable {
    let bytes: UnsafeRawBufferPointer

    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }
}
