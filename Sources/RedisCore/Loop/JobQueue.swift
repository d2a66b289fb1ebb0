/// Jobs that became ready on the loop's own thread, in order.
///
/// Raw memory: it is touched once per resumed task. Loop's thread only, and no call re-enters, so its fields are not
/// checked for overlapping accesses.
final class JobQueue {
    @exclusivity(unchecked) private var storage: UnsafeMutablePointer<UnownedJob>
    @exclusivity(unchecked) private var mask: Int
    @exclusivity(unchecked) private var head = 0
    @exclusivity(unchecked) private(set) var count = 0

    init() {
        storage = .allocate(capacity: 256)
        mask = 255
    }

    // Jobs are references that the runtime owns; dropping one is the caller's mistake, not a leak of ours.
    deinit { storage.deallocate() }

    var isEmpty: Bool { count == 0 }

    func append(_ job: UnownedJob) {
        if count > mask { grow() }
        (storage + ((head + count) & mask)).initialize(to: job)
        count += 1
    }

    func popFirst() -> UnownedJob? {
        guard count > 0 else { return nil }
        defer {
            head = (head + 1) & mask
            count -= 1
        }
        return (storage + head).move()
    }

    private func grow() {
        let larger = UnsafeMutablePointer<UnownedJob>.allocate(capacity: 2 * count)
        for index in 0..<count { (larger + index).initialize(to: (storage + ((head + index) & mask)).move()) }
        storage.deallocate()
        storage = larger
        mask = 2 * count - 1
        head = 0
    }
}
