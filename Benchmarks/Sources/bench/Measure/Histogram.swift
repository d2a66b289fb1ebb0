/// Latencies in buckets about 1.6 % wide: adding costs no allocation, quantiles are read at the end.
struct Histogram: Sendable {
    private static let stepsPerOctave = 64
    private static let octaves = 40

    private var counts: [UInt32] = []
    private(set) var count = 0

    mutating func add(nanoseconds: UInt64) {
        if counts.isEmpty { counts = Array(repeating: 0, count: Self.stepsPerOctave * Self.octaves) }
        counts[Self.bucket(of: nanoseconds)] += 1
        count += 1
    }

    mutating func add(_ other: Histogram) {
        guard other.count > 0 else { return }
        if counts.isEmpty { counts = Array(repeating: 0, count: other.counts.count) }
        for index in counts.indices { counts[index] += other.counts[index] }
        count += other.count
    }

    /// The value that a share of all samples does not exceed, in µs; nil without samples.
    func microseconds(atQuantile quantile: Double) -> Double? {
        guard count > 0 else { return nil }
        let rank = max(1, Int((quantile * Double(count)).rounded(.up)))
        var seen = 0
        for (index, value) in counts.enumerated() {
            seen += Int(value)
            if seen >= rank { return Self.middle(ofBucket: index) / 1_000 }
        }
        return nil
    }

    /// Exact below 64; above, the leading bit picks the octave and the next six bits the step in it.
    private static func bucket(of value: UInt64) -> Int {
        guard value >= UInt64(stepsPerOctave) else { return Int(value) }
        let shift = 63 - value.leadingZeroBitCount - 6
        let step = Int(value >> UInt64(shift)) - stepsPerOctave
        return min((shift + 1) * stepsPerOctave + step, stepsPerOctave * octaves - 1)
    }

    private static func middle(ofBucket bucket: Int) -> Double {
        guard bucket >= stepsPerOctave else { return Double(bucket) }
        let width = Double(UInt64(1) << UInt64(bucket / stepsPerOctave - 1))
        return (Double(stepsPerOctave + bucket % stepsPerOctave) + 0.5) * width
    }
}

extension [Double] {
    /// The middle value; the mean of the two middle ones for an even count.
    var median: Double? {
        guard !isEmpty else { return nil }
        let ordered = sorted()
        let middle = ordered.count / 2
        return ordered.count.isMultiple(of: 2) ? (ordered[middle - 1] + ordered[middle]) / 2 : ordered[middle]
    }
}
