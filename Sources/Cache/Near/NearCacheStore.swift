import RedisCore
import Synchronization

/// The near cache's memory, shared by all threads: shards with a lock each.
///
/// A hit hashes the key once, compares bytes, and allocates nothing.
final class NearCacheStore: Sendable {
    private final class Shard: Sendable {
        let state: Mutex<NearShard>

        init(_ shard: NearShard) { state = Mutex(shard) }
    }

    private let shards: [Shard]
    private let mask: Int
    /// Until when what is stored may be handed out, ``Moment/nanoseconds``.
    private let trustedUntil = Atomic<Int64>(.min)
    private let flushCount = Atomic<Int>(0)
    private let untrustedReads = Atomic<Int>(0)
    /// Switched off by the test that has to see what the guard prevents, and by nobody else.
    let isGuarded = Atomic(true)

    /// Places of a shard's guard.
    private static let guardPlaces = 512

    init(entries: Int, bytes: Int) {
        let count = Self.shardCount(entries: entries, bytes: bytes)
        let limits = NearStore.Limits(entries: entries / count, bytes: bytes / count)
        shards = (0..<count).map { _ in Shard(NearShard(limits, guardPlaces: Self.guardPlaces)) }
        mask = count - 1
    }

    /// A power of two; few when a shard would be so small that its limits, not the policy, decided.
    private static func shardCount(entries: Int, bytes: Int) -> Int {
        var count = 1
        while count < 16, entries / (count * 2) >= 256, bytes / (count * 2) >= 1 << 20 { count *= 2 }
        return count
    }

    @inline(__always)
    static func hash(_ key: UnsafeRawBufferPointer) -> Int {
        var hasher = Hasher()
        hasher.combine(bytes: key)
        return hasher.finalize()
    }

    /// The upper bits: the lower ones find the place within a shard.
    @inline(__always)
    private func shard(_ hash: Int) -> Shard { shards[(hash >> 56) & mask] }

    // MARK: Reading

    /// What may be handed out for a key.
    @inline(__always)
    func find(_ key: UnsafeRawBufferPointer, now: Int64 = Moment.nanoseconds) -> NearValue? {
        guard now < trustedUntil.load(ordering: .acquiring) else {
            untrustedReads.wrappingAdd(1, ordering: .relaxed)
            return nil
        }
        let hash = Self.hash(key)
        return shard(hash).state.withLock { $0.find(key, hash, now: now) }
    }

    /// To be taken **before** a read goes out; nil while nothing may be kept.
    func ticket(_ key: UnsafeRawBufferPointer) -> UInt64? {
        shard(Self.hash(key)).state.withLock { $0.fillGuard.ticket() }
    }

    /// Keeps what was read, unless something was told since the ticket; `groups` are the keys of its tags and
    /// namespaces.
    @discardableResult
    func fill(
        _ key: UnsafeRawBufferPointer, _ value: NearValue, expires: Int64, size: Int, groups: [String],
        ticket: UInt64
    ) -> Bool {
        let hash = Self.hash(key)
        let cost = NearEntry.overhead + key.count + size
        let ticket = isGuarded.load(ordering: .relaxed) ? ticket : .max
        return shard(hash).state.withLock { shard in
            let places = groups.isEmpty ? [] : groups.map { shard.fillGuard.group(Self.hash($0)) }
            let entry = NearEntry(value: value, expires: expires, cost: cost, groups: places)
            return shard.fill(key, hash, entry, ticket: ticket)
        }
    }

    private static func hash(_ text: String) -> Int {
        var text = text
        return text.withUTF8 { hash(UnsafeRawBufferPointer($0)) }
    }

    // MARK: News

    /// A key changed, or is about to be changed by us.
    func invalidate(_ key: UnsafeRawBufferPointer) {
        let hash = Self.hash(key)
        shard(hash).state.withLock { $0.invalidate(key, hash) }
    }

    /// A tag was invalidated or a namespace cleared, by its key.
    func invalidateGroup(_ key: UnsafeRawBufferPointer) {
        let hash = Self.hash(key)
        for shard in shards { shard.state.withLock { $0.invalidateGroup($0.fillGuard.group(hash)) } }
    }

    /// Everything may have changed; `isOpen` tells whether news arrive from now on.
    func flush(isOpen: Bool) {
        flushCount.wrappingAdd(1, ordering: .relaxed)
        let old = shards.map { shard in shard.state.withLock { $0.flush(isOpen: isOpen) } }
        // Letting go of many values takes a while, and this may be the loop's thread.
        if old.contains(where: { $0.count > 64 }) { Task.detached { withExtendedLifetime(old) {} } }
    }

    /// Sets until when what is stored may be handed out.
    func trust(until moment: Int64) { trustedUntil.store(moment, ordering: .releasing) }

    // MARK: Figures

    var isTrusted: Bool { Moment.nanoseconds < trustedUntil.load(ordering: .acquiring) }

    var figures: NearFigures {
        var figures = NearFigures(flushes: flushCount.load(ordering: .relaxed))
        figures.misses = untrustedReads.load(ordering: .relaxed)
        for shard in shards {
            let (counters, count, bytes) = shard.state.withLock { ($0.counters, $0.store.count, $0.store.bytes) }
            figures.add(counters, count: count, bytes: bytes)
        }
        return figures
    }
}
