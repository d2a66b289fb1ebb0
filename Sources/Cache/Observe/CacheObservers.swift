import RedisCore
import Synchronization

/// Who hears of what is about all caches of a client or of a root, each once however many caches it serves.
final class CacheObservers: Sendable {
    private struct Entry {
        weak var observer: CacheObserver?
        var roots: Set<ExactString> = []
    }

    private let entries = Mutex<[ObjectIdentifier: Entry]>([:])

    /// Kept as long as some cache, or its maker, keeps the observer.
    func add(_ observer: CacheObserver, root: String) {
        let id = ObjectIdentifier(observer)
        entries.withLock { entries in
            if entries[id]?.observer == nil {
                entries = entries.filter { $0.value.observer != nil }
                entries[id] = Entry(observer: observer)
            }
            entries[id]?.roots.insert(ExactString(root))
        }
    }

    /// Tells those of a root, or all; not under the lock, which they might want.
    func tell(_ kind: CacheEvent.Kind, root: String? = nil) {
        let listening = entries.withLock { entries in
            entries.values.compactMap { entry in
                root.map { entry.roots.contains(ExactString($0)) } ?? true ? entry.observer : nil
            }
        }
        for observer in listening { observer.tell(CacheEvent(kind: kind, prefix: root ?? "", key: nil)) }
    }
}
