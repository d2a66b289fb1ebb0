import CZstd
import FoundationEssentials
import Synchronization

/// When values are compressed before they are stored, by Zstandard (RFC 8878).
///
/// Readers need no setting: an entry says whether it is compressed. What does not become smaller is stored as it is.
public struct CacheCompression: Sendable, Hashable {
    /// Payloads of this many bytes and more are tried; nil for none.
    public var threshold: Int?
    /// Zstandard's level, 1 (fast) to 19 (small); 1 unless told otherwise.
    public var level: Int

    /// From 1 KiB on, at the fastest level.
    public static let `default` = CacheCompression(threshold: 1_024)
    /// Nothing is compressed.
    public static let off = CacheCompression(threshold: nil)

    /// Compresses payloads of `threshold` bytes and more.
    public init(threshold: Int?, level: Int = 1) {
        self.threshold = threshold
        self.level = level
    }

    /// What cannot work.
    var flaw: String? {
        if let threshold, threshold < 0 { return "the compression threshold is \(threshold); give 0 or more, or nil" }
        return (1...19).contains(level) ? nil : "the compression level is \(level); give 1 to 19"
    }

    /// The payload, smaller; nil when it is too short or does not shrink.
    func packed(_ payload: Data) -> Data? {
        guard let threshold, payload.count >= threshold, !payload.isEmpty else { return nil }
        // One byte less than the original is the most that is of use: zstd stops early where that cannot be had.
        var packed = Data(count: payload.count - 1)
        let size = packed.withUnsafeMutableBytes { target in
            payload.withUnsafeBytes { source in
                Self.compressors.use { context in
                    ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, Int32(level))
                    // Four bytes more, by which readers find a payload that was damaged.
                    ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1)
                    return ZSTD_compress2(
                        context, target.baseAddress, target.count, source.baseAddress, source.count)
                }
            }
        }
        guard let size, ZSTD_isError(size) == 0 else { return nil }
        packed.removeSubrange(packed.startIndex + size..<packed.endIndex)
        return packed
    }

    /// The original of `size` bytes; nil when the bytes are not exactly that.
    static func unpacked(_ packed: Data, size: Int) -> Data? {
        guard size > 0, isPlausible(packed, size: size) else { return nil }
        var payload = Data(count: size)
        let written = payload.withUnsafeMutableBytes { target in
            packed.withUnsafeBytes { source in
                decompressors.use { context in
                    ZSTD_decompressDCtx(context, target.baseAddress, target.count, source.baseAddress, source.count)
                }
            }
        }
        guard let written, ZSTD_isError(written) == 0, written == size else { return nil }
        return payload
    }

    /// Before memory is taken: anybody may have written both sizes.
    static func isPlausible(_ packed: Data, size: Int) -> Bool {
        // A block holds 128 KiB at most and takes four bytes at least.
        guard size / (32 << 10) <= packed.count else { return false }
        let said = packed.withUnsafeBytes { ZSTD_getFrameContentSize($0.baseAddress, $0.count) }
        return said == UInt64(size)
    }

    // A context is some hundred KiB that zstd would otherwise allocate and fill for each value.
    private static let compressors = ContextPool(make: ZSTD_createCCtx)
    private static let decompressors = ContextPool(make: ZSTD_createDCtx)
}

/// Contexts of zstd that are not in use; at most as many as there were users at once, kept for the process' life.
private final class ContextPool: @unchecked Sendable {
    // Unchecked: contexts are pointers, each with one user at a time; the list is guarded by its mutex.
    private let make: () -> OpaquePointer?
    private let free = Mutex<[UInt]>([])

    init(make: @escaping () -> OpaquePointer?) { self.make = make }

    /// nil when there is no memory for a context.
    func use<T>(_ body: (OpaquePointer) -> T) -> T? {
        let kept = free.withLock { $0.popLast() }.flatMap { OpaquePointer(bitPattern: $0) }
        guard let context = kept ?? make() else { return nil }
        defer { free.withLock { $0.append(UInt(bitPattern: context)) } }
        return body(context)
    }
}
