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

    mutating func write(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes {
            (start + count).copyMemory(from: $0.baseAddress ?? UnsafeRawPointer(start), byteCount: $0.count)
        }
        count += bytes.count
    }

    /// A number that is not negative, as a bulk string.
    mutating func writeBulk(_ number: UInt64) {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 20) { digits in
            var rest = number
            var first = 20
            repeat {
                first -= 1
                digits[first] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
                rest /= 10
            } while rest > 0
            writeBulk(UnsafeBufferPointer(rebasing: digits[first...]))
        }
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
