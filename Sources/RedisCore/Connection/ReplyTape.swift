/// Replies written one after the other into one buffer, to be made into values by whoever asked for them.
///
/// The loop then allocates nothing per reply, and each value is allocated and freed on the caller's thread. Large
/// strings are not copied: their buffers travel beside the tape.
struct ReplyTape: Sendable {
    private enum Tag: UInt8 { case null, integer, status, bytes, error, array, large }

    private var bytes: [UInt8] = []
    private var large: [[UInt8]] = []
    private(set) var count = 0

    init(expecting count: Int) { bytes.reserveCapacity(count * 80) }

    /// Adds one reply.
    mutating func append(_ reply: borrowing RedisReply) {
        count += 1
        write(reply)
    }

    private mutating func write(_ reply: borrowing RedisReply) {
        switch reply.kind {
        case .null: bytes.append(Tag.null.rawValue)
        case .integer: writeHead(.integer, UInt64(bitPattern: reply.integer ?? 0))
        case .status: writeText(.status, reply.rawBytes)
        case .error: writeText(.error, reply.rawBytes)
        case .bytes where reply.rawBytes.count >= ReplyArena.largeString:
            writeHead(.large, UInt64(large.count))
            large.append(reply.bytes)
        case .bytes: writeText(.bytes, reply.rawBytes)
        case .array:
            writeHead(.array, UInt64(reply.count))
            for index in 0..<reply.count {
                guard let element = reply.element(index) else { continue }
                write(RedisReply(element, reply.arena))
            }
        }
    }

    private mutating func writeText(_ tag: Tag, _ text: UnsafeRawBufferPointer) {
        writeHead(tag, UInt64(text.count))
        bytes.append(contentsOf: text)
    }

    private mutating func writeHead(_ tag: Tag, _ number: UInt64) {
        bytes.append(tag.rawValue)
        withUnsafeBytes(of: number) { bytes.append(contentsOf: $0) }
    }

    // MARK: Reading

    /// The replies as values, in order; error replies are failures.
    func results(address: String) -> [Result<RedisValue, RedisError>] {
        var results: [Result<RedisValue, RedisError>] = []
        results.reserveCapacity(count)
        bytes.withUnsafeBytes { bytes in
            var reader = Reader(bytes: bytes, large: large)
            for _ in 0..<count {
                let value = reader.next()
                if case .error(let text) = value {
                    results.append(.failure(RedisError(serverReply: text, operation: "reply", address: address)))
                } else {
                    results.append(.success(value))
                }
            }
        }
        return results
    }

    private struct Reader {
        let bytes: UnsafeRawBufferPointer
        let large: [[UInt8]]
        private var offset = 0

        init(bytes: UnsafeRawBufferPointer, large: [[UInt8]]) {
            self.bytes = bytes
            self.large = large
        }

        mutating func next() -> RedisValue {
            let tag = Tag(rawValue: bytes[offset])
            offset += 1
            switch tag {
            case .integer: return .integer(Int64(bitPattern: number()))
            case .status: return .status(String(decoding: text(), as: UTF8.self))
            case .bytes: return .bytes([UInt8](text()))
            case .error: return .error(String(decoding: text(), as: UTF8.self))
            case .large: return .bytes(large[Int(number())])
            case .array: return .array((0..<Int(number())).map { _ in next() })
            case .null, nil: return .null
            }
        }

        private mutating func number() -> UInt64 {
            defer { offset += 8 }
            return bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
        }

        private mutating func text() -> UnsafeRawBufferPointer {
            let count = Int(number())
            defer { offset += count }
            return UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + count])
        }
    }
}
