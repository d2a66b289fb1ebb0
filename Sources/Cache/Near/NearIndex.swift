/// From a key's hash to the slots that may have it: open addressing with linear probing, at most three quarters full.
///
/// Pure. Comparing keys is the owner's business.
struct NearIndex {
    /// A slot beside the lower half of its key's hash, so that most strangers are told apart here.
    struct Place {
        var slot: Int32
        var hash: UInt32

        static let empty = Place(slot: -1, hash: 0)
        var isEmpty: Bool { slot < 0 }
    }

    private(set) var places = Array(repeating: Place.empty, count: 16)
    private var count = 0

    @inline(__always)
    var mask: Int { places.count - 1 }

    /// Notes a slot whose key is not in here.
    mutating func insert(_ slot: Int32, _ hash: Int) {
        if (count + 1) * 4 > places.count * 3 { grow() }
        count += 1
        put(Place(slot: slot, hash: UInt32(truncatingIfNeeded: hash)))
    }

    private mutating func put(_ new: Place) {
        var place = Int(new.hash) & mask
        while !places[place].isEmpty { place = (place + 1) & mask }
        places[place] = new
    }

    private mutating func grow() {
        let old = places
        places = Array(repeating: .empty, count: old.count * 2)
        for place in old where !place.isEmpty { put(place) }
    }

    /// Forgets a slot and closes the gap, so that what stands behind it is still found.
    mutating func remove(_ slot: Int32, _ hash: Int) {
        var gap = Int(UInt32(truncatingIfNeeded: hash)) & mask
        while places[gap].slot != slot {
            guard !places[gap].isEmpty else { return }
            gap = (gap + 1) & mask
        }
        count -= 1
        var next = (gap + 1) & mask
        while !places[next].isEmpty {
            let home = Int(places[next].hash) & mask
            // It may move to the gap unless its home lies behind the gap.
            if (next - home) & mask >= (next - gap) & mask {
                places[gap] = places[next]
                gap = next
            }
            next = (next + 1) & mask
        }
        places[gap] = .empty
    }
}
