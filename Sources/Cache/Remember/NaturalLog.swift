#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// The logarithm of the C library; FoundationEssentials has none of its own.
enum NaturalLog {
    static func of(_ value: Double) -> Double { log(value) }
}
