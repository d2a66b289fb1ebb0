import RedisCore
import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// What this process knows to be refused: for each key until when, and from which cost on.
///
/// Exact, because a refusal says when the server can admit again, only time brings that nearer, and the time is
/// counted from before the question was sent. A reset of the key forgets it. Bounded: 8,192 keys; a full place gives
/// up the refusal that ends first. Looking something up allocates nothing.
final class DenyCache: Sendable {
    /// A refusal that still holds.
    struct Denial: Sendable, Equatable {
        /// Nanoseconds of ``Moment``.
        var until: Int64
        /// The cost that was refused; less may be admitted.
        var cost: Int
        /// Which rule refused, how many of its units were free, and when the first of them comes back.
        var rule: Int
        var remaining: Int
        var resetAt: Int64
        /// With several rules: units left and µs until some came back, in turn, when it was asked.
        var several: [Int64] = []
        var askedAt: Int64 = 0
    }

    private struct Entry: Sendable {
        var hash = 0
        /// By bytes, as ``ExactString`` compares; looking up an array of them is a third faster than a string.
        var key: [UInt8] = []
        var denial = Denial(until: .min, cost: 0, rule: 0, remaining: 0, resetAt: 0)
    }

    /// A lock for some of the places, so that cores rarely meet.
    private final class Shard: Sendable {
        let places = Mutex([Entry]())
    }

    private static let shardCount = 64
    private static let setsPerShard = 16
    /// How many keys share a place.
    private static let ways = 8

    private let shards = (0..<shardCount).map { _ in Shard() }
    /// When the last refusal ends: later there is nothing to look for.
    private let latest = Atomic<Int64>(.min)
    private let resets = Atomic<Int>(0)

    /// To be read before a question is sent; a refusal is kept only if no reset came in between.
    var epoch: Int { resets.load(ordering: .acquiring) }

    /// The refusal that answers a call of this cost now, if there is one.
    @inline(__always)
    func denial(of key: String, cost: Int, now: Int64) -> Denial? {
        guard now < latest.load(ordering: .relaxed) else { return nil }
        return find(key, cost, now)
    }

    private func find(_ key: String, _ cost: Int, _ now: Int64) -> Denial? {
        var key = key
        return key.withUTF8 { bytes -> Denial? in
            let hash = Self.hash(bytes)
            return shards[hash & (Self.shardCount - 1)].places.withLock { places in
                guard let index = Self.index(of: hash, bytes, in: places) else { return nil }
                let denial = places[index].denial
                return now < denial.until && cost >= denial.cost ? denial : nil
            }
        }
    }

    /// Keeps a refusal that was asked for when `epoch` was read.
    func insert(_ denial: Denial, of key: String, epoch: Int, now: Int64) {
        var key = key
        key.withUTF8 { bytes in
            let hash = Self.hash(bytes)
            shards[hash & (Self.shardCount - 1)].places.withLock { places in
                // Inside the lock: a reset counts first and takes the lock then.
                guard self.epoch == epoch else { return }
                if places.isEmpty { places = Array(repeating: Entry(), count: Self.setsPerShard * Self.ways) }
                if let index = Self.index(of: hash, bytes, in: places) {
                    // Of two refusals that hold, the one with the smaller cost answers more.
                    let known = places[index].denial
                    if known.until <= now || denial.cost <= known.cost { places[index].denial = denial }
                } else {
                    let set = Self.set(hash)
                    let index = set.min { places[$0].denial.until < places[$1].denial.until } ?? set.lowerBound
                    places[index] = Entry(hash: hash, key: Array(bytes), denial: denial)
                }
            }
        }
        latest.max(denial.until, ordering: .relaxed)
    }

    /// Forgets a key, also a refusal that is on its way.
    func remove(_ key: String) {
        resets.wrappingAdd(1, ordering: .acquiringAndReleasing)
        var key = key
        key.withUTF8 { bytes in
            let hash = Self.hash(bytes)
            shards[hash & (Self.shardCount - 1)].places.withLock { places in
                if let index = Self.index(of: hash, bytes, in: places) { places[index] = Entry() }
            }
        }
    }

    // MARK: Places

    /// Seeded at random for each process: nobody can choose keys that share a place.
    private static func hash(_ bytes: UnsafeBufferPointer<UInt8>) -> Int {
        var hasher = Hasher()
        hasher.combine(bytes: UnsafeRawBufferPointer(bytes))
        return hasher.finalize()
    }

    private static func set(_ hash: Int) -> Range<Int> {
        let first = (hash >> 6 & (setsPerShard - 1)) * ways
        return first..<first + ways
    }

    private static func index(
        of hash: Int, _ bytes: UnsafeBufferPointer<UInt8>, in places: [Entry]
    ) -> Int? {
        guard !places.isEmpty else { return nil }
        for index in set(hash) where places[index].hash == hash && places[index].key.count == bytes.count {
            let isSame = places[index].key.withUnsafeBufferPointer { known in
                guard let one = known.baseAddress, let other = bytes.baseAddress else { return true }
                return memcmp(one, other, bytes.count) == 0
            }
            if isSame { return index }
        }
        return nil
    }
}
