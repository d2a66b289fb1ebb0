/// Writes one short command into memory that is known to be large enough.
struct WireWriter {
    private let start: UnsafeMutableRawPointer
    private var count = 0

    init(_ start: UnsafeMutableRawPointer) { self.start = start }

    mutating func write(_ text: StaticString) {
        (start + count).copyMemory(from: text.utf8Start, byteCount: text.utf8CodeUnitCount)
        count += text.utf8CodeUnitCount
    }

    /// A bulk string of at most 999 bytes.
    mutating func writeBulk(_ bytes: UnsafeBufferPointer<UInt8>) {
        write(UInt8(ascii: "$"))
        let size = bytes.count
        if size >= 100 { write(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: size / 100)) }
        if size >= 10 { write(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: size / 10 % 10)) }
        write(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: size % 10))
        writeLineEnd()
        if let base = bytes.baseAddress { (start + count).copyMemory(from: base, byteCount: size) }
        count += size
        writeLineEnd()
    }

    /// What was written.
    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: start, count: count) }

    private mutating func write(_ byte: UInt8) {
        start.storeBytes(of: byte, toByteOffset: count, as: UInt8.self)
        count += 1
    }

    private mutating func writeLineEnd() {
        write(UInt8(ascii: "\r"))
        write(UInt8(ascii: "\n"))
    }
}
