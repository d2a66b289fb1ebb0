/// Writes one short command into memory that is known to be large enough.
struct WireWriter {
    private let start: UnsafeMutableRawPointer
    private var count = 0

    init(_ start: UnsafeMutableRawPointer) { self.start = start }

    mutating func write(_ text: StaticString) {
        (start + count).copyMemory(from: text.utf8Start, byteCount: text.utf8CodeUnitCount)
        count += text.utf8CodeUnitCount
    }

    /// The head of a command of 1 to 9 arguments.
    mutating func writeArrayHead(_ count: Int) {
        write(UInt8(ascii: "*"))
        write(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: count))
        writeLineEnd()
    }

    /// The head of a command of any number of arguments.
    mutating func writeArrayHead(ofAnyCount count: Int) {
        write(UInt8(ascii: "*"))
        writeDigits(count)
        writeLineEnd()
    }

    /// Two parts, of any length together, as one bulk string.
    @inline(__always)
    mutating func writeBulk(_ first: UnsafeBufferPointer<UInt8>, _ second: String) {
        let size = first.count + second.utf8.count
        if size < 1_000 {
            writeHead(size)
        } else {
            write(UInt8(ascii: "$"))
            writeDigits(size)
            writeLineEnd()
        }
        write(first)
        write(second)
        writeLineEnd()
    }

    private mutating func writeDigits(_ value: Int) { UInt64(value).withDecimalDigits { write($0) } }

    /// A bulk string of at most 999 bytes.
    mutating func writeBulk(_ bytes: UnsafeBufferPointer<UInt8>) {
        writeHead(bytes.count)
        write(bytes)
        writeLineEnd()
    }

    @inline(__always)
    private mutating func write(_ bytes: UnsafeBufferPointer<UInt8>) {
        if let base = bytes.baseAddress { (start + count).copyMemory(from: base, byteCount: bytes.count) }
        count += bytes.count
    }

    private mutating func writeHead(_ size: Int) {
        write(UInt8(ascii: "$"))
        if size >= 100 { write(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: size / 100)) }
        if size >= 10 { write(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: size / 10 % 10)) }
        write(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: size % 10))
        writeLineEnd()
    }

    /// A text of at most 999 bytes as a bulk string.
    @inline(__always)
    mutating func writeBulk(_ text: String) {
        let done: Void? = text.utf8.withContiguousStorageIfAvailable { writeBulk($0) }
        if done == nil { writeBulk(Array(text.utf8)) }
    }

    /// Three texts, together at most 999 bytes, as one bulk string.
    mutating func writeBulk(_ first: String, _ second: String, _ third: String) {
        writeHead(first.utf8.count + second.utf8.count + third.utf8.count)
        write(first)
        write(second)
        write(third)
        writeLineEnd()
    }

    /// 128 bits in hexadecimal, as a bulk string.
    mutating func writeBulk(high: UInt64, low: UInt64) {
        write("$32\r\n")
        writeHexadecimal(high)
        writeHexadecimal(low)
        writeLineEnd()
    }

    private mutating func writeBulk(_ bytes: [UInt8]) { bytes.withUnsafeBufferPointer { writeBulk($0) } }

    @inline(__always)
    private mutating func write(_ text: String) {
        let done: Void? = text.utf8.withContiguousStorageIfAvailable { write($0) }
        if done == nil { Array(text.utf8).withUnsafeBufferPointer { write($0) } }
    }

    /// 16 digits, the most significant first.
    @inline(__always)
    mutating func writeHexadecimal(_ value: UInt64) {
        writeHexadecimal(UInt32(truncatingIfNeeded: value >> 32))
        writeHexadecimal(UInt32(truncatingIfNeeded: value))
    }

    /// Eight digits at once: a nibble to each byte, then to each byte what makes it a character.
    @inline(__always)
    private mutating func writeHexadecimal(_ value: UInt32) {
        var digits = UInt64(value)
        digits = (digits << 16 | digits) & 0x0000_FFFF_0000_FFFF
        digits = (digits << 8 | digits) & 0x00FF_00FF_00FF_00FF
        digits = (digits << 4 | digits) & 0x0F0F_0F0F_0F0F_0F0F
        let letters = ((digits &+ 0x0606_0606_0606_0606) >> 4) & 0x0101_0101_0101_0101
        digits = digits &+ 0x3030_3030_3030_3030 &+ letters &* 0x27
        start.storeBytes(of: digits.bigEndian, toByteOffset: count, as: UInt64.self)
        count += 8
    }

    mutating func write(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes {
            (start + count).copyMemory(from: $0.baseAddress ?? UnsafeRawPointer(start), byteCount: $0.count)
        }
        count += bytes.count
    }

    /// A number that is not negative, as a bulk string.
    mutating func writeBulk(_ number: UInt64) {
        number.withDecimalDigits { writeBulk($0) }
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
