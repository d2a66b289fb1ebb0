import RedisCore
import Testing

@testable import Cache

@Suite struct `The near cache's store` {
    private func store(entries: Int, bytes: Int = 1 << 30) -> NearStore {
        NearStore(NearStore.Limits(entries: entries, bytes: bytes))
    }

    @Test func `finds what was put in, and nothing else`() {
        var store = store(entries: 100)
        for number in 0..<50 { store.put(number, value: number * 2) }
        for number in 0..<50 { #expect(store.get(number) == number * 2) }
        for number in 50..<100 { #expect(store.get(number) == nil) }
        #expect(store.count == 50)
    }

    @Test func `compares keys, not only their hashes`() {
        var store = store(entries: 100)
        for number in 0..<50 { store.put(number, value: number, hash: 7) }
        for number in 0..<50 { #expect(store.get(number, hash: 7) == number) }
        for number in stride(from: 0, to: 50, by: 2) { store.drop(number, hash: 7) }
        for number in 0..<50 { #expect(store.get(number, hash: 7) == (number % 2 == 0 ? nil : number)) }
    }

    @Test func `keeps what is asked for while strangers pass through`() {
        var store = store(entries: 100)
        for number in 0..<50 { store.put(number, value: number) }
        for _ in 0..<3 { for number in 0..<50 { _ = store.get(number) } }
        for number in 1_000..<11_000 { store.put(number, value: number) }
        for number in 0..<50 { #expect(store.get(number) == number) }
        #expect(store.count == 100)
        #expect(store.evictions == 9_950)
    }

    @Test func `takes back at once what it gave up too early`() {
        var store = store(entries: 10)
        for number in 0..<20 { store.put(number, value: number) }
        #expect(store.get(5) == nil)
        store.put(5, value: 5)
        for number in 100..<109 { store.put(number, value: number) }
        #expect(store.get(5) == 5)
    }

    @Test func `refuses what is larger than all there may be, and drops what stood there`() {
        var store = store(entries: 10, bytes: 1_000)
        store.put(1, value: 1, cost: 100)
        #expect(store.put(1, value: 2, cost: 1_001) == false)
        #expect(store.get(1) == nil && store.bytes == 0)
        let isKept = store.put(1, value: 3, cost: 1_000)
        #expect(isKept)
    }

    /// A thousand random operations; what the store says it holds is compared with a model after each.
    @Test(arguments: UInt64(1)...40)
    func `stays within its limits and never answers wrongly`(seed: UInt64) {
        var random = SplitMix(seed: seed)
        let limits = NearStore.Limits(
            entries: Int.random(in: 1...60, using: &random), bytes: Int.random(in: 200...20_000, using: &random))
        var store = NearStore(limits)
        var model: [Int: (value: Int, cost: Int)] = [:]
        // With few hashes keys collide in the index all the time.
        let hashes = [1, 3, 1 << 40].randomElement(using: &random) ?? 1
        for step in 0..<1_000 {
            let key = Int.random(in: 0..<120, using: &random)
            let hash = NearStoreTesting.hash(key) % hashes
            switch Int.random(in: 0..<10, using: &random) {
            case ..<5:
                let cost = Int.random(in: 1...500, using: &random)
                let isKept = store.put(key, value: step, cost: cost, hash: hash)
                #expect(isKept == (cost <= limits.bytes))
                model[key] = isKept ? (step, cost) : nil
            case ..<9:
                // It may have left, but what is there is the newest.
                if let found = store.get(key, hash: hash) {
                    #expect(found == model[key]?.value)
                } else {
                    model[key] = nil
                }
            default:
                let wasThere = store.drop(key, hash: hash)
                if wasThere { #expect(model[key] != nil) }
                model[key] = nil
            }
            #expect(store.count <= limits.entries && store.bytes <= limits.bytes)
        }
        var left: [Int: (value: Int, cost: Int)] = [:]
        for (key, known) in model where store.get(key, hash: NearStoreTesting.hash(key) % hashes) == known.value {
            left[key] = known
        }
        #expect(store.count == left.count)
        #expect(store.bytes == left.values.reduce(0) { $0 + $1.cost })
        for key in left.keys { store.drop(key, hash: NearStoreTesting.hash(key) % hashes) }
        #expect(store.count == 0 && store.bytes == 0)
    }

    @Test func `remembers the hashes of evicted keys in a fixed amount of memory, for a while`() {
        var ghosts = GhostList(capacity: 100)
        let size = ghosts.size
        for number in 0..<100_000 { ghosts.insert(NearStoreTesting.hash(number)) }
        #expect(ghosts.size == size && size <= 128)
        var known: [Int] = []
        for number in 0..<100_000 where ghosts.remove(NearStoreTesting.hash(number)) { known.append(number) }
        #expect(known.count > 30 && known.count <= 100 && known.allSatisfy { $0 >= 99_900 })
        let isKnown = ghosts.remove(NearStoreTesting.hash(99_999))
        #expect(!isKnown)
    }
}

enum NearStoreTesting {
    /// The same in every run, unlike `Hasher`.
    static func hash(_ number: Int) -> Int {
        var random = SplitMix(seed: UInt64(number))
        return Int(bitPattern: UInt(random.next()))
    }

    static func withKey<T>(_ number: Int, _ body: (UnsafeRawBufferPointer) -> T) -> T {
        Array("key:\(number)".utf8).withUnsafeBytes { body($0) }
    }
}

extension NearStore {
    @discardableResult
    mutating func put(_ key: Int, value: Int, cost: Int = 1, hash: Int? = nil) -> Bool {
        NearStoreTesting.withKey(key) {
            insert(
                $0, hash ?? NearStoreTesting.hash(key),
                NearEntry(value: NearBox(value), expires: .max, cost: cost, groups: []), filled: 0)
        }
    }

    mutating func get(_ key: Int, hash: Int? = nil) -> Int? {
        NearStoreTesting.withKey(key) {
            find($0, hash ?? NearStoreTesting.hash(key))?.entry.value.value(as: Int.self)
        }
    }

    @discardableResult
    mutating func drop(_ key: Int, hash: Int? = nil) -> Bool {
        NearStoreTesting.withKey(key) { remove($0, hash ?? NearStoreTesting.hash(key)) }
    }
}
