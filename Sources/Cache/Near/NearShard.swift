/// A part of the near cache: what is stored, and what guards it.
///
/// Pure: its owner has the lock.
struct NearShard {
    /// What happened here.
    struct Counters: Equatable, Sendable {
        var hits = 0
        var misses = 0
        var fills = 0
        /// Values that were read and not kept, because something was told meanwhile.
        var refusedFills = 0
        var invalidations = 0
        var evictions = 0
    }

    private(set) var store: NearStore
    private(set) var fillGuard: FillGuard
    private var counts = Counters()

    init(_ limits: NearStore.Limits, guardPlaces: Int) {
        store = NearStore(limits)
        fillGuard = FillGuard(places: guardPlaces)
    }

    var counters: Counters {
        var counters = counts
        counters.evictions += store.evictions
        return counters
    }

    /// What may be handed out for a key now.
    @inline(__always)
    mutating func find(_ key: UnsafeRawBufferPointer, _ hash: Int, now: Int64) -> NearValue? {
        guard let (entry, filled) = store.find(key, hash) else {
            counts.misses += 1
            return nil
        }
        guard now < entry.expires, fillGuard.isAlive(filled, entry.groups) else {
            counts.misses += 1
            _ = store.remove(key, hash)
            return nil
        }
        counts.hits += 1
        return entry.value
    }

    /// Keeps what was read with a ticket, unless something was told meanwhile.
    mutating func fill(_ key: UnsafeRawBufferPointer, _ hash: Int, _ entry: NearEntry, ticket: UInt64) -> Bool {
        guard fillGuard.allows(ticket, hash, groups: entry.groups) else {
            counts.refusedFills += 1
            return false
        }
        counts.fills += 1
        return store.insert(key, hash, entry, filled: ticket)
    }

    /// A key changed, or is about to.
    mutating func invalidate(_ key: UnsafeRawBufferPointer, _ hash: Int) {
        fillGuard.changed(hash)
        if store.remove(key, hash) { counts.invalidations += 1 }
    }

    mutating func invalidateGroup(_ group: UInt16) { fillGuard.groupChanged(group) }

    /// Forgets everything; returns what was there, to be let go of outside of the lock.
    mutating func flush(isOpen: Bool) -> NearStore {
        fillGuard.flush(isOpen: isOpen)
        counts.evictions += store.evictions
        let old = store
        store = NearStore(old.limits)
        return old
    }
}
