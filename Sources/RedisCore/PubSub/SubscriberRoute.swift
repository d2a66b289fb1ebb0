#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// The last channel, or pattern, a message came for, with its listeners: spares most messages the look-up.
final class SubscriberRoute {
    let name: String
    let isHeartbeat: Bool
    let isInvalidation: Bool
    let targets: [SubscriptionStorage]
    private let bytes: [UInt8]

    init(name: String, bytes: [UInt8], isHeartbeat: Bool, isInvalidation: Bool, targets: [SubscriptionStorage]) {
        self.name = name
        self.bytes = bytes
        self.isHeartbeat = isHeartbeat
        self.isInvalidation = isInvalidation
        self.targets = targets
    }

    func matches(_ other: UnsafeRawBufferPointer) -> Bool {
        guard let start = other.baseAddress, other.count == bytes.count else { return false }
        return memcmp(bytes, start, bytes.count) == 0
    }
}
