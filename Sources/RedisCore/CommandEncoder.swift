import FoundationEssentials

/// Writes commands in the Redis wire format (RESP2: an array of bulk strings), one after another.
public struct CommandEncoder: Sendable {
    /// An argument of 64 KiB or more: referenced, and streamed into the socket in pieces.
    struct Payload: Sendable {
        /// Where in `bytes` it belongs.
        var offset: Int
        let content: any LargePayload
    }

    private(set) var bytes: [UInt8] = []
    private(set) var payloads: [Payload] = []
    /// Where in `bytes` the keys' characters lie.
    private(set) var keyRanges: [Range<Int>] = []
    /// Off while a command is written straight into a connection's buffer: nobody will ask.
    var recordsKeys = true
    /// The first thing that cannot be sent; reported instead of sending.
    private(set) var flaw: String?

    /// Arguments from this size on are not copied into the buffer.
    static let largeArgument = 64 * 1024
    /// Redis' own limit, `proto-max-bulk-len`.
    static let maxArgument = 512 * 1024 * 1024

    var keys: [RedisKey] { keyRanges.map { RedisKey(String(decoding: bytes[$0], as: UTF8.self)) } }

    /// An encoder that does not remember keys.
    static func anonymous() -> CommandEncoder {
        var encoder = CommandEncoder()
        encoder.recordsKeys = false
        return encoder
    }

    mutating func reserve(_ count: Int) { bytes.reserveCapacity(count) }

    mutating func begin(argumentCount: Int) {
        bytes.append(UInt8(ascii: "*"))
        appendDigits(argumentCount)
        appendLineEnd()
    }

    /// Appends bytes that are already in wire format.
    mutating func appendEncoded(_ text: StaticString) {
        bytes.append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    /// Appends bytes that are already in wire format.
    mutating func appendEncoded(_ encoded: UnsafeRawBufferPointer) { bytes.append(contentsOf: encoded) }

    mutating func append(_ value: Int64) {
        let negative = value < 0
        let digits = Self.digitCount(value.magnitude) + (negative ? 1 : 0)
        appendHeader(digits)
        if negative { bytes.append(UInt8(ascii: "-")) }
        appendMagnitude(value.magnitude)
        appendLineEnd()
    }

    mutating func append(_ value: String) {
        let count = value.utf8.count
        guard count < Self.largeArgument else { return appendLarge(value) }
        appendInline(value, count: count)
    }

    private mutating func appendInline(_ value: String, count: Int) {
        guard count >= 1_000 else { return appendShort(value, count: count) }
        appendHeader(count)
        if value.utf8.withContiguousStorageIfAvailable({ bytes.append(contentsOf: $0) }) == nil {
            bytes.append(contentsOf: value.utf8)
        }
        appendLineEnd()
    }

    /// Put together on the stack and appended once: the array's checks cost more than the bytes.
    private mutating func appendShort(_ value: String, count: Int) {
        var value = value
        withUnsafeTemporaryAllocation(byteCount: count + 16, alignment: 1) { memory in
            guard let start = memory.baseAddress else { return }
            var writer = WireWriter(start)
            value.withUTF8 { writer.writeBulk($0) }
            bytes.append(contentsOf: writer.bytes)
        }
    }

    mutating func append(_ value: [UInt8]) {
        guard value.count < Self.largeArgument else { return appendLarge(value) }
        appendHeader(value.count)
        bytes.append(contentsOf: value)
        appendLineEnd()
    }

    mutating func append(_ value: Data) {
        guard value.count < Self.largeArgument else { return appendLarge(value) }
        appendHeader(value.count)
        value.withUnsafeBytes { bytes.append(contentsOf: $0) }
        appendLineEnd()
    }

    mutating func appendKey(_ name: String) {
        // Never by reference: whoever routes the command reads its keys here.
        appendInline(name, count: name.utf8.count)
        if name.isEmpty { flaw = flaw ?? "a key is empty" }
        guard recordsKeys else { return }
        let end = bytes.count - 2
        keyRanges.append(end - name.utf8.count..<end)
    }

    private mutating func appendLarge(_ content: any LargePayload) {
        if content.byteCount > Self.maxArgument {
            flaw = flaw ?? "an argument has \(content.byteCount) bytes, more than Redis' 512 MiB"
        }
        appendHeader(content.byteCount)
        payloads.append(Payload(offset: bytes.count, content: content))
        appendLineEnd()
    }

    /// Appends whole commands that were encoded elsewhere.
    mutating func append(contentsOf other: CommandEncoder) {
        let base = bytes.count
        bytes.append(contentsOf: other.bytes)
        if let otherFlaw = other.flaw { flaw = flaw ?? otherFlaw }
        guard !other.payloads.isEmpty else { return }
        for payload in other.payloads {
            payloads.append(Payload(offset: base + payload.offset, content: payload.content))
        }
    }

    mutating func removeAll() {
        bytes.removeAll(keepingCapacity: bytes.count < 1 << 20)
        if !payloads.isEmpty { payloads.removeAll() }
        if !keyRanges.isEmpty { keyRanges.removeAll(keepingCapacity: true) }
        flaw = nil
    }

    // MARK: Pieces

    private mutating func appendHeader(_ count: Int) {
        bytes.append(UInt8(ascii: "$"))
        appendDigits(count)
        appendLineEnd()
    }

    private mutating func appendLineEnd() {
        bytes.append(UInt8(ascii: "\r"))
        bytes.append(UInt8(ascii: "\n"))
    }

    private mutating func appendDigits(_ value: Int) {
        // Nearly every length has one or two digits.
        switch value {
        case ..<10: appendDigit(value)
        case ..<100:
            appendDigit(value / 10)
            appendDigit(value % 10)
        default: appendMagnitude(UInt64(value))
        }
    }

    private mutating func appendDigit(_ value: Int) {
        bytes.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: value))
    }

    private mutating func appendMagnitude(_ value: UInt64) {
        value.withDecimalDigits { bytes.append(contentsOf: $0) }
    }

    private static func digitCount(_ value: UInt64) -> Int {
        var count = 1
        var rest = value
        while rest >= 10 {
            rest /= 10
            count += 1
        }
        return count
    }
}

/// Bytes that are sent from where they lie.
protocol LargePayload: Sendable {
    var byteCount: Int { get }
    /// Lends the bytes from `offset` on, at most `limit`.
    func withPiece(from offset: Int, limit: Int, _ body: (UnsafeRawBufferPointer) -> Void)
}

extension [UInt8]: LargePayload {
    var byteCount: Int { count }

    func withPiece(from offset: Int, limit: Int, _ body: (UnsafeRawBufferPointer) -> Void) {
        withUnsafeBytes { body(UnsafeRawBufferPointer(rebasing: $0.dropFirst(offset).prefix(limit))) }
    }
}

extension Data: LargePayload {
    var byteCount: Int { count }

    func withPiece(from offset: Int, limit: Int, _ body: (UnsafeRawBufferPointer) -> Void) {
        withUnsafeBytes { body(UnsafeRawBufferPointer(rebasing: $0.dropFirst(offset).prefix(limit))) }
    }
}

extension String: LargePayload {
    var byteCount: Int { utf8.count }

    func withPiece(from offset: Int, limit: Int, _ body: (UnsafeRawBufferPointer) -> Void) {
        var copy = self
        // A native string lends its own storage here; only a bridged one is copied.
        copy.withUTF8 { utf8 in
            body(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(utf8).dropFirst(offset).prefix(limit)))
        }
    }
}
