import Synchronization

@testable import Cache

/// What an observer heard, as short texts such as `app/k hit redis`.
final class Heard: Sendable {
    private let lines = Mutex<[String]>([])

    /// To be kept by who makes caches with it.
    var observer: CacheObserver {
        CacheObserver { [self] event in lines.withLock { $0.append(Self.text(event)) } }
    }

    var all: [String] { lines.withLock { $0 } }
    func count(of line: String) -> Int { all.count { $0 == line } }

    /// What was heard since the last time, in order.
    func take() -> [String] {
        lines.withLock { lines in
            defer { lines = [] }
            return lines
        }
    }

    private static func text(_ event: CacheEvent) -> String {
        "\(event.prefix)/\(event.key ?? "") \(text(event.kind))"
    }

    private static func text(_ kind: CacheEvent.Kind) -> String {
        switch kind {
        case .hit(let level): "hit \(level)"
        case .negativeHit(let level): "negative hit \(level)"
        case .loaded(let time, let loader): time >= .zero ? "loaded \(loader)" : "loaded before it began"
        case .loadFailed(_, let error): "load failed \(error)"
        case .deleted(let keys, let found):
            "deleted \(keys.sorted().joined(separator: ",")) found \(found.map { "\($0)" } ?? "unknown")"
        case .invalidated(let tags): "invalidated \(tags.joined(separator: ","))"
        default: "\(kind)"
        }
    }
}
