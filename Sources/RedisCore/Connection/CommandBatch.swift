import DequeModule

/// Encoded commands on their way to a socket, with whom their replies belong to.
struct CommandBatch {
    struct Command {
        /// Its part of the buffer.
        let byteCount: Int
        /// Large payloads inside it.
        let payloadCount: Int
        /// Set on the first command of an entry; the others of a pipeline follow with nil.
        var entry: ReplyEntry?
    }

    var encoder = CommandEncoder()
    private(set) var commands: [Command] = []

    var isEmpty: Bool { commands.isEmpty }

    /// Appends one source with the entry that waits for its replies.
    mutating func append(_ source: some CommandSource, _ entry: ReplyEntry) {
        var entry: ReplyEntry? = entry
        source.forEachCommand(into: &encoder) { bytes, payloads in
            commands.append(Command(byteCount: bytes, payloadCount: payloads, entry: entry))
            entry = nil
        }
    }

    mutating func removeAll() {
        encoder.removeAll()
        commands.removeAll(keepingCapacity: commands.count < 4_096)
    }
}

/// Something that can write itself as one or more commands.
protocol CommandSource: Sendable {
    /// How many replies the server will send: one for each command.
    var replyCount: Int { get }
    /// Writes one command after the other, telling after each how many bytes and large payloads it took.
    func forEachCommand(into encoder: inout CommandEncoder, _ wrote: (_ bytes: Int, _ payloads: Int) -> Void)
    /// Lends each command's wire bytes, with a NUL behind them, to `send`; false when it cannot, and has sent nothing.
    func withWireBytes(_ scratch: WireScratch, _ send: (UnsafeRawBufferPointer) -> Void) -> Bool
}

/// A source of exactly one command.
protocol SingleCommandSource: CommandSource {
    func encode(into encoder: inout CommandEncoder)
}

extension SingleCommandSource {
    var replyCount: Int { 1 }

    func forEachCommand(into encoder: inout CommandEncoder, _ wrote: (_ bytes: Int, _ payloads: Int) -> Void) {
        let bytes = encoder.bytes.count
        let payloads = encoder.payloads.count
        encode(into: &encoder)
        wrote(encoder.bytes.count - bytes, encoder.payloads.count - payloads)
    }

    func withWireBytes(_ scratch: WireScratch, _ send: (UnsafeRawBufferPointer) -> Void) -> Bool {
        scratch.encoder.removeAll()
        encode(into: &scratch.encoder)
        guard scratch.encoder.payloads.isEmpty else { return false }
        scratch.encoder.appendTerminator()
        scratch.encoder.withWireBytes(send)
        return true
    }
}

/// Memory for one command on its way from a caller on the loop into hiredis, used again for the next.
final class WireScratch {
    var encoder = CommandEncoder()
    let bytes: UnsafeMutableRawPointer
    static let size = 4_096

    init() { bytes = .allocate(byteCount: Self.size, alignment: 16) }
    deinit { bytes.deallocate() }
}

extension RedisCommand: SingleCommandSource {
    func encode(into encoder: inout CommandEncoder) { encoder.append(contentsOf: self.encoder) }

    func withWireBytes(_ scratch: WireScratch, _ send: (UnsafeRawBufferPointer) -> Void) -> Bool {
        guard encoder.payloads.isEmpty else { return false }
        encoder.withWireBytes(send)
        return true
    }
}

extension [RedisCommand]: CommandSource {
    var replyCount: Int { count }

    func forEachCommand(into encoder: inout CommandEncoder, _ wrote: (_ bytes: Int, _ payloads: Int) -> Void) {
        for command in self { command.forEachCommand(into: &encoder, wrote) }
    }

    func withWireBytes(_ scratch: WireScratch, _ send: (UnsafeRawBufferPointer) -> Void) -> Bool {
        guard allSatisfy({ $0.encoder.payloads.isEmpty }) else { return false }
        for command in self { command.encoder.withWireBytes(send) }
        return true
    }
}

/// Commands that a connection cannot send yet, in order, each still without any byte on the wire.
struct CommandQueue {
    private struct Waiting {
        var command: CommandBatch.Command
        let bytes: [UInt8]
        let payloads: [CommandEncoder.Payload]
    }

    private var waiting = Deque<Waiting>()
    /// Commands whose entry is still wanted.
    private(set) var count = 0

    var isEmpty: Bool { waiting.isEmpty }

    /// The entries that wait, in order.
    var entries: [ReplyEntry] { waiting.compactMap(\.command.entry) }

    mutating func append(
        _ command: CommandBatch.Command, _ bytes: ArraySlice<UInt8>, _ payloads: [CommandEncoder.Payload]) {
        waiting.append(Waiting(command: command, bytes: Array(bytes), payloads: payloads))
        count += 1
    }

    mutating func popFirst() -> (CommandBatch.Command, [UInt8], [CommandEncoder.Payload])? {
        guard let first = waiting.popFirst() else { return nil }
        count -= 1
        return (first.command, first.bytes, first.payloads)
    }

    /// Changes the entries that wait, in order.
    mutating func updateEntries(_ body: (inout ReplyEntry) -> Void) {
        for index in waiting.indices {
            guard var entry = waiting[index].command.entry else { continue }
            body(&entry)
            waiting[index].command.entry = entry
        }
    }

    /// Removes the commands of an entry that was cancelled or is late; nil when it is not waiting here.
    mutating func remove(id: UInt64) -> ReplyEntry? {
        guard let start = waiting.firstIndex(where: { $0.command.entry?.id == id }) else { return nil }
        var end = start + 1
        while end < waiting.count, waiting[end].command.entry == nil { end += 1 }
        let entry = waiting[start].command.entry
        waiting.removeSubrange(start..<end)
        count -= end - start
        return entry
    }

    /// Removes commands at the front that belong to a pipeline whose beginning was already sent.
    mutating func removeOrphans() {
        while let first = waiting.first, first.command.entry == nil { _ = popFirst() }
    }

    mutating func removeAll() -> [ReplyEntry] {
        defer {
            waiting.removeAll()
            count = 0
        }
        return entries
    }
}
