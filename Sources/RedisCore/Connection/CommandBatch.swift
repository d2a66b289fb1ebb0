/// Encoded commands on their way to a socket, with whom their replies belong to.
struct CommandBatch {
    /// What one caller submitted: a command, or a pipeline that is sent as a whole.
    struct Unit {
        /// Its part of the buffer.
        let byteCount: Int
        /// Large payloads inside it.
        let payloadCount: Int
        var entry: ReplyEntry
    }

    private(set) var encoder = CommandEncoder.anonymous()
    private(set) var units: [Unit] = []

    var isEmpty: Bool { units.isEmpty }

    mutating func append(_ source: some CommandSource, _ entry: ReplyEntry) {
        let bytes = encoder.bytes.count
        let payloads = encoder.payloads.count
        source.encode(into: &encoder)
        let unit = Unit(
            byteCount: encoder.bytes.count - bytes, payloadCount: encoder.payloads.count - payloads, entry: entry)
        units.append(unit)
    }

    /// A single command that is encoded already.
    mutating func append(encoded bytes: UnsafeRawBufferPointer, _ entry: ReplyEntry) {
        encoder.appendEncoded(bytes)
        units.append(Unit(byteCount: bytes.count, payloadCount: 0, entry: entry))
    }

    mutating func removeAll() {
        encoder.removeAll()
        units.removeAll(keepingCapacity: units.count < 4_096)
    }
}

/// Something that can write itself as one or more commands.
protocol CommandSource: Sendable {
    /// How many replies the server will send: one for each command.
    var replyCount: Int { get }
    /// Writes the commands one behind the other.
    func encode(into encoder: inout CommandEncoder)
    /// Lends the wire bytes to `send` when they exist already or are few enough for `memory`; else nil.
    ///
    /// So a caller can encode before it takes a lock.
    func withShortBytes<T>(_ memory: ShortMemory, _ send: (UnsafeRawBufferPointer) -> T) -> T?
}

/// Room for one short command.
struct ShortMemory {
    /// More would be allocated on the heap instead of the stack.
    static let size = 1_024

    let start: UnsafeMutableRawPointer

    /// Lends memory of the stack.
    @inline(__always)
    static func lend<T>(_ body: (ShortMemory) -> T) -> T {
        withUnsafeTemporaryAllocation(byteCount: size, alignment: 8) { memory in
            guard let start = memory.baseAddress else { preconditionFailure("memory that is not empty has an address") }
            return body(ShortMemory(start: start))
        }
    }
}

extension CommandSource {
    func withShortBytes<T>(_ memory: ShortMemory, _ send: (UnsafeRawBufferPointer) -> T) -> T? { nil }

    /// Lends the wire bytes to `send`, without a copy where they exist already; false when there are large payloads.
    func withWireBytes(_ scratch: WireScratch, _ send: (UnsafeRawBufferPointer) -> Void) -> Bool {
        if withShortBytes(scratch.memory, send) != nil { return true }
        scratch.encoder.removeAll()
        encode(into: &scratch.encoder)
        guard scratch.encoder.payloads.isEmpty else { return false }
        scratch.encoder.bytes.withUnsafeBytes(send)
        return true
    }
}

/// A source of exactly one command.
protocol SingleCommandSource: CommandSource {}

extension SingleCommandSource {
    var replyCount: Int { 1 }
}

/// Memory for one command on its way from a caller on the loop into hiredis, used again for the next.
final class WireScratch {
    var encoder = CommandEncoder.anonymous()
    let memory = ShortMemory(start: .allocate(byteCount: ShortMemory.size, alignment: 16))

    deinit { memory.start.deallocate() }
}

extension RedisCommand: SingleCommandSource {
    func encode(into encoder: inout CommandEncoder) { encoder.append(contentsOf: self.encoder) }

    func withShortBytes<T>(_ memory: ShortMemory, _ send: (UnsafeRawBufferPointer) -> T) -> T? {
        encoder.payloads.isEmpty ? encoder.bytes.withUnsafeBytes(send) : nil
    }
}

extension [RedisCommand]: CommandSource {
    var replyCount: Int { count }

    func encode(into encoder: inout CommandEncoder) {
        for command in self { encoder.append(contentsOf: command.encoder) }
    }
}
