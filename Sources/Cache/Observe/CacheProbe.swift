import Logging
import RedisCore

/// Tells an observer and the log what one cache does.
///
/// A cache has none when neither listens, so that nothing is made for nobody.
final class CacheProbe: Sendable {
    private let observer: CacheObserver?
    /// nil for one that would drop the lines.
    private let logger: Logger?
    private let prefix: String

    /// nil when nobody listens; the logger's level counts as it is now.
    init?(_ observer: CacheObserver?, _ logger: Logger, prefix: String) {
        let isLogged = logger.logLevel <= .debug
        guard observer != nil || isLogged else { return nil }
        self.observer = observer
        self.logger = isLogged ? logger : nil
        self.prefix = prefix
    }

    /// `key` is as the caller named it.
    @inline(never)
    func tell(_ kind: CacheEvent.Kind, _ key: String?) {
        observer?.tell(CacheEvent(kind: kind, prefix: prefix, key: key))
        if let logger { log(kind, key, logger) }
    }

    private func log(_ kind: CacheEvent.Kind, _ key: String?, _ logger: Logger) {
        // The key in Redis: what is escaped there cannot break a line here.
        func entry(_ key: String) -> Logger.MetadataValue {
            .string((prefix.isEmpty ? "" : prefix + ":") + KeyText.escaped(key))
        }
        guard var line = Line(kind) else { return }
        if let key { line.metadata["key"] = entry(key) } else { line.metadata["prefix"] = .string(prefix) }
        if case .deleted(let keys, _) = kind, key == nil { line.metadata["keys"] = .array(keys.map(entry)) }
        logger.log(level: line.level, line.message, metadata: line.metadata)
    }
}

/// What the log says of an event: names and figures, never a value or another program's words.
private struct Line {
    var level = Logger.Level.debug
    let message: Logger.Message
    var metadata: Logger.Metadata = [:]

    /// nil for what others than one cache write into the log.
    init?(_ kind: CacheEvent.Kind) {
        switch kind {
        case .hit(let level):
            message = "cache hit"
            self.level = level == .near ? .trace : .debug
            metadata["level"] = "\(level)"
        case .negativeHit(let level):
            message = "cache negative hit"
            self.level = level == .near ? .trace : .debug
            metadata["level"] = "\(level)"
        case .miss: message = "cache miss"
        case .undecodable: message = "cache undecodable"
        case .unavailable: message = "cache unavailable"
        case .staleServed: message = "cache stale value served"
        case .loaded(let time, let loader):
            message = "cache loaded"
            metadata = ["time": "\(time)", "by": "\(loader)"]
        case .loadFailed(let time, let error):
            message = "cache load failed"
            metadata = ["time": "\(time)", "error": "\(type(of: error))"]
        case .set: message = "cache set"
        case .deleted(_, let found):
            message = "cache deleted"
            if let found { metadata["found"] = "\(found)" }
        case .invalidated(let tags):
            message = "cache invalidated"
            metadata["tags"] = .array(tags.map { .string(KeyText.escaped($0)) })
        case .cleared: message = "cache cleared"
        case .circuitOpened, .circuitClosed, .nearFlushed: return nil
        }
    }
}

extension RedisCache {
    /// Tells of an entry by its name; neither event nor name is made when nobody listens.
    @inline(__always)
    func tell(_ kind: @autoclosure () -> CacheEvent.Kind, _ key: @autoclosure () -> String?) {
        if let probe { probe.tell(kind(), key()) }
    }

    /// The same by its key in Redis.
    @inline(__always)
    func tell(_ kind: @autoclosure () -> CacheEvent.Kind, of entry: RedisKey) {
        if let probe { probe.tell(kind(), keys.name(of: entry)) }
    }

    /// That entries were deleted.
    func tellDeleted(_ entries: [RedisKey], found: Int?) {
        guard let probe else { return }
        let names = entries.compactMap(keys.name)
        probe.tell(.deleted(names, found: found), entries.count == 1 ? names.first : nil)
    }
}
