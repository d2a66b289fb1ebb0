#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Random words of the operating system, fetched many at a time: two system calls a lock would be a tenth of its cost.
package struct RandomPool {
    private var words: [UInt64] = []

    package init() {}

    package mutating func next() -> UInt64 {
        if words.isEmpty { words = Self.fetch(32) }
        return words.removeLast()
    }

    private static func fetch(_ count: Int) -> [UInt64] {
        #if canImport(Glibc) || canImport(Musl)
        var words = [UInt64](repeating: 0, count: count)
        // 256 bytes are the most that it gives at once; they come whole or not at all.
        if getentropy(&words, count * MemoryLayout<UInt64>.size) == 0 { return words }
        #endif
        var generator = SystemRandomNumberGenerator()
        return (0..<count).map { _ in generator.next() }
    }
}
