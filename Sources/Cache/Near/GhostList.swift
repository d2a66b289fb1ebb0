/// The hashes of keys that were evicted not long ago, in a fixed amount of memory.
///
/// A table of fingerprints with the number of their eviction: those from more than `capacity` evictions ago do not
/// count. Two keys of one place push each other out, which costs a little memory of the past and never a wrong value.
struct GhostList {
    private struct Place {
        var hash = 0
        var number: UInt64 = 0
    }

    private var places: [Place]
    private var evictions: UInt64 = 0
    let capacity: Int

    init(capacity: Int) {
        self.capacity = max(1, capacity)
        places = Array(repeating: Place(), count: Self.size(for: self.capacity))
    }

    /// Fingerprints it has room for, a power of two.
    var size: Int { places.count }

    private static func size(for capacity: Int) -> Int {
        var size = 16
        while size < capacity { size *= 2 }
        return size
    }

    mutating func insert(_ hash: Int) {
        evictions += 1
        places[place(hash)] = Place(hash: hash, number: evictions)
    }

    /// True, once, for what was evicted not long ago.
    mutating func remove(_ hash: Int) -> Bool {
        let found = places[place(hash)]
        guard found.number > 0, found.hash == hash, evictions - found.number < UInt64(capacity) else { return false }
        places[place(hash)].number = 0
        return true
    }

    private func place(_ hash: Int) -> Int { (hash >> 16) & (places.count - 1) }
}
