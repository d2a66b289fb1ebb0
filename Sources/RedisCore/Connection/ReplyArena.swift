import CHiredis

/// Builds the reply that hiredis is parsing in memory that is reused for the next one: no malloc per reply.
///
/// Loop's thread only; the creators find it through the reader's privdata.
final class ReplyArena {
    /// Set when a creator refused what the peer sent: hiredis only knows "out of memory" for that.
    private(set) var refusal: String?

    /// The block in use; `next` walks through it up to `limit`.
    private let first: UnsafeMutableRawPointer
    @exclusivity(unchecked) private var next: UnsafeMutableRawPointer
    @exclusivity(unchecked) private var limit: UnsafeMutableRawPointer
    /// True once a reply needed more than the first block.
    @exclusivity(unchecked) private var hasOverflowed = false
    /// Further blocks of the reply at hand.
    private var overflow: [UnsafeMutableRawPointer] = []
    /// Strings too large for a block: allocated one by one, so that decoding can take them over without a copy.
    private(set) var large: [UnsafeMutableRawPointer: [UInt8]] = [:]

    private static let blockSize = 64 * 1024
    /// From here on a string gets its own buffer, which becomes the caller's value.
    static let largeString = 32 * 1024

    init() {
        first = .allocate(byteCount: Self.blockSize, alignment: 16)
        next = first
        limit = first + Self.blockSize
    }

    deinit {
        reset()
        first.deallocate()
    }

    /// Room for one object; valid until `reset`.
    private func allocate(_ size: Int) -> UnsafeMutableRawPointer {
        let end = next + ((size + 15) & ~15)
        if end > limit { return allocateOverflow(size) }
        defer { next = end }
        return next
    }

    private func allocateOverflow(_ size: Int) -> UnsafeMutableRawPointer {
        hasOverflowed = true
        let capacity = max(Self.blockSize, (size + 15) & ~15)
        let block = UnsafeMutableRawPointer.allocate(byteCount: capacity, alignment: 16)
        overflow.append(block)
        next = block + ((size + 15) & ~15)
        limit = block + capacity
        return block
    }

    /// An array and its elements, all of them empty, for who reads without hiredis.
    func makeArray(
        of count: Int
    ) -> (array: UnsafeMutablePointer<redisReply>, elements: UnsafeMutablePointer<redisReply>) {
        let replies = allocate((count + 1) * MemoryLayout<redisReply>.stride).bindMemory(
            to: redisReply.self, capacity: count + 1)
        replies.initialize(repeating: redisReply(), count: count + 1)
        let pointers = allocate(max(1, count) * MemoryLayout<UnsafeMutablePointer<redisReply>?>.stride).bindMemory(
            to: UnsafeMutablePointer<redisReply>?.self, capacity: max(1, count))
        for index in 0..<count { (pointers + index).initialize(to: replies + index + 1) }
        replies.pointee.type = REDIS_REPLY_ARRAY
        replies.pointee.elements = numericCast(count)
        replies.pointee.element = pointers
        return (replies, replies + 1)
    }

    /// Forgets the reply; keeps one block for the next.
    func reset() {
        next = first
        guard hasOverflowed else { return }
        hasOverflowed = false
        limit = first + Self.blockSize
        for block in overflow { block.deallocate() }
        overflow = []
        large = [:]
    }

    fileprivate func makeReply(
        _ task: UnsafePointer<redisReadTask>, type: Int32
    ) -> UnsafeMutablePointer<redisReply> {
        let reply = allocate(MemoryLayout<redisReply>.size).bindMemory(to: redisReply.self, capacity: 1)
        reply.initialize(to: redisReply())
        reply.pointee.type = type
        if let parent = task.pointee.parent?.pointee.obj {
            parent.assumingMemoryBound(to: redisReply.self).pointee.element[Int(task.pointee.idx)] = reply
        }
        return reply
    }

    fileprivate func makeString(
        _ task: UnsafePointer<redisReadTask>, _ bytes: UnsafeMutablePointer<CChar>, _ count: Int
    ) -> UnsafeMutablePointer<redisReply> {
        let reply = makeReply(task, type: task.pointee.type)
        let text: UnsafeMutableRawPointer
        if count >= Self.largeString {
            // One copy, straight into what the caller will own; the NUL that hiredis promises is not needed by us.
            let array = [UInt8](UnsafeRawBufferPointer(start: bytes, count: count))
            text = UnsafeMutableRawPointer(
                mutating: array.withUnsafeBytes { $0.baseAddress } ?? UnsafeRawPointer(bytes))
            large[text] = array
            hasOverflowed = true
        } else {
            text = allocate(count + 1)
            text.copyMemory(from: bytes, byteCount: count)
            text.storeBytes(of: 0, toByteOffset: count, as: UInt8.self)
        }
        reply.pointee.str = text.assumingMemoryBound(to: CChar.self)
        // `len` is an int in hiredis 0.14 and a size_t since 1.0.
        reply.pointee.len = numericCast(count)
        return reply
    }

    fileprivate func makeArray(
        _ task: UnsafePointer<redisReadTask>, _ count: Int
    ) -> UnsafeMutablePointer<redisReply>? {
        // A hostile length must not become an allocation of its size: 64 Mi elements are 512 MiB of pointers.
        guard count <= 1 << 26 else {
            refusal = "an array of \(count) elements"
            return nil
        }
        let reply = makeReply(task, type: REDIS_REPLY_ARRAY)
        reply.pointee.elements = numericCast(count)
        if count > 0 {
            let stride = MemoryLayout<UnsafeMutablePointer<redisReply>?>.stride
            let elements = allocate(count * stride).bindMemory(
                to: UnsafeMutablePointer<redisReply>?.self, capacity: count)
            elements.initialize(repeating: nil, count: count)
            reply.pointee.element = elements
        }
        return reply
    }
}

extension ReplyArena {
    /// The functions hiredis calls while parsing.
    ///
    /// They serve hiredis 0.14 and 1.x alike: the later versions' creators for RESP3 types stay NULL, which RESP2 never
    /// calls, and closures adapt to `int` or `size_t` counts.
    static func makeFunctions() -> UnsafeMutablePointer<redisReplyObjectFunctions> {
        let functions = UnsafeMutablePointer<redisReplyObjectFunctions>.allocate(capacity: 1)
        functions.initialize(to: redisReplyObjectFunctions())
        functions.pointee.createString = { task, bytes, count in
            guard let task, let bytes else { return nil }
            return UnsafeMutableRawPointer(withArena(of: task) { $0.makeString(task, bytes, Int(count)) })
        }
        functions.pointee.createArray = { task, count in
            guard let task else { return nil }
            return UnsafeMutableRawPointer(withArena(of: task) { $0.makeArray(task, Int(count)) })
        }
        functions.pointee.createInteger = { task, value in
            guard let task, let reply = withArena(of: task, { $0.makeReply(task, type: REDIS_REPLY_INTEGER) }) else {
                return nil
            }
            reply.pointee.integer = value
            return UnsafeMutableRawPointer(reply)
        }
        functions.pointee.createNil = { task in
            guard let task else { return nil }
            return UnsafeMutableRawPointer(withArena(of: task) { $0.makeReply(task, type: REDIS_REPLY_NIL) })
        }
        // hiredis gives no context here; the owner of the socket resets the arena after each callback instead.
        functions.pointee.freeObject = { _ in }
        return functions
    }
}

/// Lends the arena without retaining it: the socket that parses holds it.
@inline(__always)
private func withArena<T>(of task: UnsafePointer<redisReadTask>, _ body: (ReplyArena) -> T?) -> T? {
    guard let privdata = task.pointee.privdata else { return nil }
    return Unmanaged<ReplyArena>.fromOpaque(privdata)._withUnsafeGuaranteedRef { body($0) }
}
