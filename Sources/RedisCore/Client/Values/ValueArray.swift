package import FoundationEssentials

/// The strings and nulls of one array reply, in one buffer: two allocations, however many there are.
///
/// Whoever asked makes values of them in its own task, and of those that it needs only.
package struct ValueArray: Sendable {
    private let bytes: [UInt8]
    /// Where each value ends in `bytes`; the complement for a null, which takes no bytes.
    private let ends: [Int]

    /// The strings and nulls of a reply that is an array of nothing else.
    init(_ reply: borrowing RedisReply) throws(RedisError) {
        guard reply.kind == .array else { throw reply.mismatch([Data?].self) }
        let count = reply.count
        let arena = reply.arena
        var ends: [Int] = []
        ends.reserveCapacity(count)
        var size = 0
        for index in 0..<count {
            guard let element = reply.element(index) else { continue }
            let value = RedisReply(element, arena)
            switch value.kind {
            case .null: ends.append(~size)
            case .bytes:
                size += value.rawBytes.count
                ends.append(size)
            default: throw value.mismatch(Data.self)
            }
        }
        bytes = [UInt8](unsafeUninitializedCapacity: size) { buffer, filled in
            let buffer = UnsafeMutableRawBufferPointer(buffer)
            for index in 0..<count {
                guard let element = reply.element(index) else { continue }
                let value = RedisReply(element, arena).rawBytes
                guard value.count > 0 else { continue }
                UnsafeMutableRawBufferPointer(rebasing: buffer[filled...]).copyMemory(from: value)
                filled += value.count
            }
        }
        self.ends = ends
    }

    /// The same values, put together.
    package init(_ values: [Data?]) {
        var (bytes, ends): ([UInt8], [Int]) = ([], [])
        for value in values {
            bytes.append(contentsOf: value ?? Data())
            ends.append(value == nil ? ~bytes.count : bytes.count)
        }
        (self.bytes, self.ends) = (bytes, ends)
    }

    /// Lends all values for reading where they lie.
    package func read<T>(_ body: (borrowing Reader) throws -> T) rethrows -> T {
        try bytes.withUnsafeBytes { bytes in
            try ends.withUnsafeBufferPointer { try body(Reader(bytes: bytes, ends: $0)) }
        }
    }

    /// The values while they are lent.
    package struct Reader: ~Copyable {
        fileprivate let bytes: UnsafeRawBufferPointer
        fileprivate let ends: UnsafeBufferPointer<Int>

        package var count: Int { ends.count }

        /// nil for a null; valid while the values are lent.
        @inline(__always)
        package subscript(index: Int) -> UnsafeRawBufferPointer? {
            let end = ends[index]
            guard end >= 0 else { return nil }
            let start = index == 0 ? 0 : ends[index - 1]
            return UnsafeRawBufferPointer(rebasing: bytes[(start < 0 ? ~start : start)..<end])
        }
    }
}

extension ValueArray: RandomAccessCollection {
    package var startIndex: Int { 0 }
    package var endIndex: Int { ends.count }

    package subscript(index: Int) -> Data? {
        precondition(index >= 0 && index < ends.count, "index out of range")
        return read { reader in reader[index].map { Data($0) } }
    }
}
