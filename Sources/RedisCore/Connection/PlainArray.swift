import CHiredis

/// An array of plain replies, read where it lies in the input buffer as ``PlainReply`` is.
///
/// That is what MGET, most scripts and subscriptions answer. hiredis would copy the bytes twice on their way.
enum PlainArray {
    enum Outcome {
        /// The array, whose strings lie in what was read, and how many bytes it took.
        case whole(UnsafeMutablePointer<redisReply>, Int)
        /// What there is may be the beginning of one.
        case beginning
        /// To be read by hiredis.
        case other
    }

    /// Larger ones are worth hiredis' buffers, and a hostile length no memory.
    static let mostElements = 4_096
    /// `:0` with its line end.
    private static let smallestElement = 4

    /// Reads the array at the start of `bytes`; its elements are made in `arena`, which must be unused.
    static func read(_ bytes: UnsafeRawBufferPointer, _ arena: ReplyArena) -> Outcome {
        guard bytes.first == UInt8(ascii: "*") else { return .other }
        var index = 1
        switch PlainReply.readNumber(bytes, &index) {
        case .number(let count) where count <= mostElements:
            // Before any memory is taken: so many do not lie here yet.
            guard count * smallestElement <= bytes.count - index else { return .beginning }
            return read(count, bytes, index, arena)
        case .beginning: return .beginning
        case .number, .other: return .other
        }
    }

    private static func read(
        _ count: Int, _ bytes: UnsafeRawBufferPointer, _ start: Int, _ arena: ReplyArena
    ) -> Outcome {
        let (array, elements) = arena.makeArray(of: count)
        var index = start
        for element in 0..<count {
            let rest = UnsafeRawBufferPointer(rebasing: bytes[index...])
            switch PlainReply.read(rest) {
            case .whole(let reply, let size):
                reply.fill(elements + element, rest)
                index += size
            case .beginning:
                arena.reset()
                return .beginning
            case .other:
                arena.reset()
                // Nothing there is no reply of another kind.
                return rest.isEmpty ? .beginning : .other
            }
        }
        return .whole(array, index)
    }
}
