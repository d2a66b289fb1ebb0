import FoundationEssentials
import RedisCore

/// What an in-memory store holds, with ends and, if asked for, a bound; it has no clock.
///
/// What is over is not given out. It is removed when it is met, and all of it whenever the number of entries has
/// doubled, so that forgotten entries take at most as much room as the living.
struct MemoryEntries: Sendable {
    struct Value: Sendable {
        let payload: ValueCoder.Payload
        /// On the store's clock; nil for never.
        let end: Duration?
    }

    private struct Entry: Sendable {
        let value: Value
        var lastUse: UInt64
    }

    /// At the bound, this part of the entries goes at once: looking for the oldest reads them all.
    private static let evictedPart = 16

    private let bound: Int?
    private var entries: [RedisKey: Entry] = [:]
    private var uses: UInt64 = 0
    private var nextSweep = 64

    init(bound: Int?) { self.bound = bound }

    var count: Int { entries.count }

    mutating func set(_ key: RedisKey, _ value: Value, now: Duration) {
        uses += 1
        entries[key] = Entry(value: value, lastUse: uses)
        if entries.count > min(bound ?? .max, nextSweep) { sweep(now) }
        if let bound, entries.count > bound { evict(downTo: bound) }
    }

    mutating func value(_ key: RedisKey, now: Duration) -> ValueCoder.Payload? {
        guard let entry = entries[key] else { return nil }
        guard !Self.isOver(entry, now) else {
            entries[key] = nil
            return nil
        }
        uses += 1
        entries[key]?.lastUse = uses
        return entry.value.payload
    }

    /// True if it was there.
    mutating func remove(_ key: RedisKey, now: Duration) -> Bool {
        entries.removeValue(forKey: key).map { !Self.isOver($0, now) } ?? false
    }

    func keys(now: Duration) -> [RedisKey] { entries.filter { !Self.isOver($0.value, now) }.map(\.key) }

    private static func isOver(_ entry: Entry, _ now: Duration) -> Bool { entry.value.end.map { $0 <= now } ?? false }

    private mutating func sweep(_ now: Duration) {
        entries = entries.filter { !Self.isOver($0.value, now) }
        nextSweep = max(64, 2 * entries.count)
    }

    private mutating func evict(downTo bound: Int) {
        let surplus = entries.count - bound + bound / Self.evictedPart
        let oldest = entries.sorted { $0.value.lastUse < $1.value.lastUse }.prefix(surplus)
        for (key, _) in oldest { entries[key] = nil }
    }
}
