import FoundationEssentials
import RedisCore
import TestSupport

@testable import Cache

/// One entry with its lease and writers, as the scripts of writes and fills treat it; the source beside it.
///
/// Values are version numbers: writer `n` writes `n` to the source.
struct WriteModel: Equatable {
    var source = 0
    var entry: Int? = 0
    /// A token, or `~`.
    var lease: String?
    var writers: Set<String> = []

    mutating func begin(_ token: String) {
        entry = nil
        writers.insert(token)
        lease = writers.count == 1 ? token : "~"
    }

    mutating func finish(_ token: String, _ value: Int?) {
        writers.remove(token)
        if let value, writers.isEmpty, lease == token {
            (entry, lease) = (value, nil)
            return
        }
        entry = nil
        lease = writers.isEmpty ? nil : "~"
    }

    mutating func acquire(_ token: String) -> Bool {
        guard entry == nil, lease == nil || lease == token else { return false }
        lease = token
        return true
    }

    mutating func fill(_ token: String, _ value: Int) {
        guard lease == token else { return }
        (entry, lease) = (value, nil)
    }

    /// Somebody sets or deletes the entry by key.
    mutating func delete() { (entry, lease) = (nil, nil) }

    /// The leases of everybody end.
    mutating func lapse() { (lease, writers) = (nil, []) }
}

/// What can happen to one entry, in the order in which it does.
enum WriteEvent: Equatable, CustomStringConvertible {
    case begin(Int), commit(Int), finish(Int)
    case acquire(Int), load(Int), fill(Int)
    case delete, lapse

    var description: String {
        switch self {
        case .begin(let writer): "w\(writer).begin"
        case .commit(let writer): "w\(writer).commit"
        case .finish(let writer): "w\(writer).finish"
        case .acquire(let reader): "r\(reader).acquire"
        case .load(let reader): "r\(reader).load"
        case .fill(let reader): "r\(reader).fill"
        case .delete: "delete"
        case .lapse: "lapse"
        }
    }

    static func writer(_ number: Int) -> [WriteEvent] { [.begin(number), .commit(number), .finish(number)] }
    static func reader(_ number: Int) -> [WriteEvent] { [.acquire(number), .load(number), .fill(number)] }

    /// All orders of these scripts of actors, each in its own order.
    static func orders(_ actors: [[WriteEvent]]) -> [[WriteEvent]] {
        Interleavings.all(actors.map(\.count)).map { order in
            var next = [Int](repeating: 0, count: actors.count)
            return order.map { actor in
                defer { next[actor] += 1 }
                return actors[actor][next[actor]]
            }
        }
    }
}

/// A run of events on the model, and what was wrong with it.
struct WriteRun {
    private(set) var model = WriteModel()
    private var loaded: [Int: Int] = [:]
    private var granted: Set<Int> = []
    private var inProgress: Set<Int> = []

    /// Takes one event; a sentence if a promise is broken then.
    mutating func take(_ event: WriteEvent) -> String? {
        switch event {
        case .begin(let writer):
            inProgress.insert(writer)
            model.begin("w\(writer)")
        case .commit(let writer): model.source = writer
        case .finish(let writer):
            model.finish("w\(writer)", writer)
            inProgress.remove(writer)
        case .acquire(let reader): if model.acquire("r\(reader)") { granted.insert(reader) }
        case .load(let reader): loaded[reader] = model.source
        case .fill(let reader):
            if granted.contains(reader), let value = loaded[reader] { model.fill("r\(reader)", value) }
        case .delete: model.delete()
        case .lapse: model.lapse()
        }
        guard inProgress.isEmpty, let entry = model.entry, entry != model.source else { return nil }
        return "version \(entry) is cached, the source has \(model.source)"
    }

    /// Runs events; the first broken promise with all that led to it.
    static func flaw(_ events: [WriteEvent]) -> String? {
        var run = WriteRun()
        for (index, event) in events.enumerated() {
            if let flaw = run.take(event) { return "\(flaw) after \(events[...index])" }
        }
        return nil
    }
}
