/// What a near cache holds and has done.
public struct NearFigures: Sendable, Hashable {
    /// Entries that are there now; those that expired or were cleared by tag leave when they are met.
    public internal(set) var entries = 0
    /// Their share of the byte limit now: keys, values by the size of their encoded form, and bookkeeping.
    public internal(set) var bytes = 0
    /// Reads that were answered here.
    public internal(set) var hits = 0
    /// Reads that were not.
    public internal(set) var misses = 0
    /// Values that were kept after a read.
    public internal(set) var fills = 0
    /// Values that were read and not kept, because a change was told while they were on their way.
    public internal(set) var refusedFills = 0
    /// Entries dropped because their key changed.
    public internal(set) var invalidations = 0
    /// Times that everything was dropped, because something might have gone untold.
    public internal(set) var flushes = 0
    /// Entries that left to make room.
    public internal(set) var evictions = 0

    init(flushes: Int) { self.flushes = flushes }

    mutating func add(_ counters: NearShard.Counters, count: Int, bytes: Int) {
        entries += count
        self.bytes += bytes
        hits += counters.hits
        misses += counters.misses
        fills += counters.fills
        refusedFills += counters.refusedFills
        invalidations += counters.invalidations
        evictions += counters.evictions
    }
}
