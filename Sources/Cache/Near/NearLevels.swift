import RedisCore
import Synchronization

/// The near caches of one client, by root; each lives as long as some cache uses it.
final class NearLevels: Sendable {
    private struct Entry {
        weak var near: NearLevel?
    }

    private let entries = Mutex<[ExactString: Entry]>([:])
    /// Spares the writes of those who have none the mutex.
    private let isUsed = Atomic(false)

    /// That of a root, made now if there is none.
    func of(_ keys: CacheKeys, _ engine: CacheEngine, _ options: NearCacheOptions) -> NearLevel {
        isUsed.store(true, ordering: .releasing)
        let root = ExactString(keys.root)
        return entries.withLock { entries in
            if let near = entries[root]?.near { return near }
            let near = NearLevel.start(engine, keys, options)
            entries[root] = Entry(near: near)
            return near
        }
    }

    /// That of a root, if there is one: all that writes below the root passes here.
    func existing(_ root: String) -> NearLevel? {
        guard isUsed.load(ordering: .acquiring) else { return nil }
        return entries.withLock { $0[ExactString(root)]?.near }
    }
}
