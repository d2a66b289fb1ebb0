#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// The way around the loop for one command on an idle connection: its caller writes it to the socket itself.
///
/// With one command in flight the longest part of a round trip is waking threads: caller to loop, loop to server,
/// server to loop, loop to caller. Here the first is saved. The loop opens the lane when nothing is due and its own
/// output is empty, and takes it back, with what was written, before it reads, writes, closes or sweeps: bytes and
/// replies keep their order because both sides hold the submissions' mutex. Guarded by that mutex.
struct DirectLane {
    /// A command that a caller wrote, and what the kernel did not take of it.
    struct Written {
        let entry: ReplyEntry
        let rest: [UInt8]
    }

    private var descriptor: Int32 = -1
    private var written: Written?
    private let scratch = WireScratch()

    /// Whether a caller may write now: one command at a time, the others are better sent together by the loop.
    var isFree: Bool { descriptor >= 0 && written == nil }

    mutating func open(_ descriptor: Int32) { self.descriptor = descriptor }

    /// Ends the callers' right to write; returns what one of them wrote.
    mutating func close() -> Written? {
        descriptor = -1
        defer { written = nil }
        return written
    }

    /// Writes one caller's command; false when nothing was written and the loop has to find out why.
    mutating func write(_ bytes: UnsafeRawBufferPointer, _ entry: ReplyEntry) -> Bool {
        let count = writeWithoutSignal(descriptor, bytes)
        guard count > 0 else { return false }
        written = Written(entry: entry, rest: count < bytes.count ? Array(bytes[count...]) : [])
        return true
    }

    /// The same for a command that is still to be encoded.
    mutating func write(_ source: some CommandSource, _ entry: ReplyEntry) -> Bool {
        scratch.encoder.removeAll()
        source.encode(into: &scratch.encoder)
        guard scratch.encoder.payloads.isEmpty else { return false }
        return scratch.encoder.bytes.withUnsafeBytes { write($0, entry) }
    }

    /// Whether the loop has to be told: only when it has to write the rest.
    func announces(_ isAnnounced: inout Bool) -> Bool {
        guard written?.rest.isEmpty == false, !isAnnounced else { return false }
        isAnnounced = true
        return true
    }
}

/// A write to a connection that the peer has reset must fail, not end the process.
private func writeWithoutSignal(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer) -> Int {
    #if canImport(Darwin)
    // Darwin has no flag for it; sockets get SO_NOSIGPIPE when they connect.
    send(descriptor, bytes.baseAddress, bytes.count, 0)
    #else
    send(descriptor, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL))
    #endif
}
