import RedisCore
import Synchronization

/// One cache of refusals for all limiters of a client that count together, so that a reset by one is seen by all.
enum DenyCaches {
    private struct Owner: Hashable {
        let client: ObjectIdentifier
        let keys: LimitKeys
    }

    /// Does not keep the cache, nor says that its client still lives: then the cache is kept by nobody either.
    private struct Entry {
        weak var cache: DenyCache?
    }

    private static let all = Mutex<[Owner: Entry]>([:])

    static func of(_ redis: RedisClient, _ keys: LimitKeys) -> DenyCache {
        all.withLock { all in
            let owner = Owner(client: ObjectIdentifier(redis), keys: keys)
            if let cache = all[owner]?.cache { return cache }
            // What nobody uses any more goes when something new comes, however limiters are made.
            if all.count >= 64 { all = all.filter { $0.value.cache != nil } }
            let cache = DenyCache()
            all[owner] = Entry(cache: cache)
            return cache
        }
    }
}
