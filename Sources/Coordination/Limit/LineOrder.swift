import DequeModule
import RedisCore

/// Who stands in line for which key, in order of arrival; the first of a line has the turn.
///
/// Pure: the owner tells callers.
struct LineOrder: Sendable {
    typealias ID = UInt64

    /// By bytes: two texts that Swift takes for the same are two keys in Redis.
    private var lines: [ExactString: Deque<ID>] = [:]

    /// How many stand in the line of a key, the one whose turn it is included.
    func count(_ key: String) -> Int { lines[ExactString(key)]?.count ?? 0 }
    var isEmpty: Bool { lines.isEmpty }

    /// Puts a caller at the end; true when it is its turn at once.
    mutating func join(_ id: ID, _ key: String) -> Bool {
        let key = ExactString(key)
        lines[key, default: []].append(id)
        return lines[key]?.count == 1
    }

    /// Takes a caller out, wherever it stands; answers whose turn it is now, if that changed.
    mutating func leave(_ id: ID, _ key: String) -> ID? {
        let key = ExactString(key)
        guard let index = lines[key]?.firstIndex(of: id) else { return nil }
        lines[key]?.remove(at: index)
        guard let first = lines[key]?.first else {
            lines[key] = nil
            return nil
        }
        return index == 0 ? first : nil
    }
}
