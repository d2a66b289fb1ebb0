import RedisCore
import Testing

@testable import Cache

/// How many reads of a trace each policy answers: no times, only counts.
@Suite struct `The near cache's eviction` {
    private static let capacity = 500
    private static let keys = 10_000
    private static let length = 60_000

    /// Keys by Zipf's law with exponent 1, most frequent first.
    private func zipf(_ random: inout SplitMix) -> () -> Int {
        var sums: [Double] = []
        sums.reserveCapacity(Self.keys)
        var sum = 0.0
        for rank in 1...Self.keys {
            sum += 1 / Double(rank)
            sums.append(sum)
        }
        let total = sum
        var generator = random
        return {
            let target = Double.random(in: 0..<total, using: &generator)
            var (low, high) = (0, sums.count - 1)
            while low < high {
                let middle = (low + high) / 2
                if sums[middle] < target { low = middle + 1 } else { high = middle }
            }
            return low
        }
    }

    private func hits(_ trace: [Int]) -> (s3fifo: Int, fifo: Int, lru: Int) {
        var store = NearStore(NearStore.Limits(entries: Self.capacity, bytes: .max))
        var fifo = Queue(capacity: Self.capacity, movesOnHit: false)
        var lru = Queue(capacity: Self.capacity, movesOnHit: true)
        var hits = (s3fifo: 0, fifo: 0, lru: 0)
        for key in trace {
            if store.get(key) != nil { hits.s3fifo += 1 } else { store.put(key, value: key) }
            if fifo.read(key) { hits.fifo += 1 }
            if lru.read(key) { hits.lru += 1 }
        }
        return hits
    }

    @Test(arguments: [1, 2, 3])
    func `answers more of a Zipf trace than FIFO and LRU`(seed: UInt64) {
        var random = SplitMix(seed: seed)
        let next = zipf(&random)
        let hits = hits((0..<Self.length).map { _ in next() })
        #expect(hits.s3fifo > hits.lru && hits.lru > hits.fifo)
    }

    @Test(arguments: [1, 2, 3])
    func `is not emptied by a scan`(seed: UInt64) {
        var random = SplitMix(seed: seed)
        let next = zipf(&random)
        var trace: [Int] = []
        for round in 0..<20 {
            trace += (0..<2_000).map { _ in next() }
            trace += (0..<1_000).map { 1_000_000 + round * 1_000 + $0 }
        }
        let hits = hits(trace)
        #expect(hits.s3fifo > hits.lru && hits.s3fifo > hits.fifo)
    }

    @Test func `follows when other keys become popular`() {
        var random = SplitMix(seed: 1)
        let next = zipf(&random)
        let before = (0..<Self.length).map { _ in next() }
        let after = (0..<Self.length).map { _ in 500_000 + next() }
        let all = hits(before + after)
        let alone = hits(after)
        let gained = all.s3fifo - hits(before).s3fifo
        #expect(Double(gained) > 0.95 * Double(alone.s3fifo))
    }
}

/// FIFO and LRU, as plain as can be.
private struct Queue {
    let capacity: Int
    let movesOnHit: Bool
    private var stamps: [Int: Int] = [:]
    private var order: [(key: Int, stamp: Int)] = []
    private var head = 0
    private var clock = 0

    init(capacity: Int, movesOnHit: Bool) {
        self.capacity = capacity
        self.movesOnHit = movesOnHit
    }

    mutating func read(_ key: Int) -> Bool {
        let isHit = stamps[key] != nil
        if !isHit || movesOnHit {
            clock += 1
            stamps[key] = clock
            order.append((key, clock))
        }
        while stamps.count > capacity {
            let oldest = order[head]
            head += 1
            // An older place of a key that moved since.
            if stamps[oldest.key] == oldest.stamp { stamps[oldest.key] = nil }
        }
        return isHit
    }
}
