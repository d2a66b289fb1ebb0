/// What each algorithm must decide, written down as plainly as possible and unlike the scripts.
protocol LimitModel {
    /// Time in microseconds; changes nothing but what time and clamping do.
    mutating func advance(to now: Int64)
    var free: Int { get }
    /// When the first unit comes back, counted from the last `advance`; 0 when all are free.
    var reset: Int64 { get }
    /// When so many units are free.
    func wait(for units: Int) -> Int64
    mutating func take(_ units: Int)
}

extension LimitModel {
    /// The script's answer for a single rule: admitted or minus the wait, units free, time until some come back.
    mutating func check(_ cost: Int, atMost: Bool, now: Int64) -> [Int64] {
        advance(to: now)
        let units = atMost ? min(cost, free) : cost <= free ? cost : 0
        if units > 0 { take(units) }
        return [units > 0 ? Int64(units) : -wait(for: atMost ? 1 : cost), 1, Int64(free), reset]
    }
}

/// Every unit has the time at which it was admitted, in order.
struct LogModel: LimitModel {
    let limit: Int
    let window: Int64
    private var now: Int64 = 0
    private var units: [Int64] = []

    init(limit: Int, window: Int64) { (self.limit, self.window) = (limit, window) }

    mutating func advance(to now: Int64) {
        self.now = now
        units = units.map { min($0, now) }.filter { $0 > now - window }
    }

    var free: Int { limit - units.count }
    var reset: Int64 { units.first.map { $0 + window - now } ?? 0 }
    func wait(for needed: Int) -> Int64 { units[needed - free - 1] + window - now }
    mutating func take(_ count: Int) { units += Array(repeating: now, count: count) }
}

/// A count for each part of the window; a part counts until it is over for a whole window.
struct BucketsModel: LimitModel {
    let limit: Int
    let length: Int64
    let count: Int64
    private var now: Int64 = 0
    /// When something was last written: who is refused leaves no trace, so no later time is known.
    private var written: Int64 = 0
    private var parts: [Int64: Int] = [:]

    init(limit: Int, window: Int64, count: Int) {
        self.limit = limit
        length = (window + Int64(count) - 1) / Int64(count)
        self.count = Int64(count)
    }

    mutating func advance(to now: Int64) {
        self.now = now
        let part = now / length
        guard part < written else { return }
        parts = Dictionary(uniqueKeysWithValues: parts.map { ($0.key - written + part, $0.value) })
        written = part
    }

    private var live: [Int64: Int] { parts.filter { $0.key >= now / length - count } }
    var free: Int { limit - live.values.reduce(0, +) }
    var reset: Int64 { live.keys.min().map(end) ?? 0 }
    private func end(_ part: Int64) -> Int64 { (part + count + 1) * length - now }

    func wait(for needed: Int) -> Int64 {
        var freed = free
        for (part, units) in live.sorted(by: { $0.key < $1.key }) {
            freed += units
            if freed >= needed { return end(part) }
        }
        return 0
    }

    mutating func take(_ units: Int) {
        written = now / length
        parts[written, default: 0] += units
    }
}

/// GCRA as its paper has it: a theoretical arrival time, here in units of 1/leak µs.
struct TokensModel: LimitModel {
    let leak: Int64
    let weight: Int64
    let burst: Int
    private var now: Int64 = 0
    private var arrival: Int64 = 0
    /// When something was last written: who is refused leaves no trace, so no later time is known.
    private var written: Int64 = 0

    init(leak: Int64, weight: Int64, burst: Int) { (self.leak, self.weight, self.burst) = (leak, weight, burst) }

    mutating func advance(to now: Int64) {
        // The distance to the arrival time stays what it was when the clock goes back.
        if now < written {
            arrival -= (written - now) * leak
            written = now
        }
        self.now = now
        arrival = max(arrival, now * leak)
    }

    private var debt: Int64 { arrival - now * leak }
    private var full: Int64 { Int64(burst) * weight }
    var free: Int { Int((full - debt) / weight) }
    var reset: Int64 { debt == 0 ? 0 : wait(for: free + 1) }
    func wait(for needed: Int) -> Int64 { (debt + Int64(needed) * weight - full + leak - 1) / leak }
    mutating func take(_ units: Int) {
        arrival += Int64(units) * weight
        written = now
    }
}

/// Counts from the first unit to the end of its window.
struct FixedModel: LimitModel {
    let limit: Int
    let window: Int64
    private var now: Int64 = 0
    private var start: Int64?
    private var used = 0

    init(limit: Int, window: Int64) { (self.limit, self.window) = (limit, window) }

    mutating func advance(to now: Int64) {
        self.now = now
        guard let begun = start else { return }
        if now >= begun + window { (start, used) = (nil, 0) } else { start = min(begun, now) }
    }

    var free: Int { limit - used }
    var reset: Int64 { start.map { $0 + window - now } ?? 0 }
    func wait(for units: Int) -> Int64 { reset }
    mutating func take(_ units: Int) {
        start = start ?? now
        used += units
    }
}
