import FoundationEssentials
import RedisCore

/// One page of a reaper's walk: which of these entries are dead, decided from their first bytes; pure.
struct ReapPage: Sendable {
    /// Enough for entries with a few tags; the rest are read again.
    static let shortHead = 256
    /// The longest header: all fields and all tags at their longest.
    static let longestHead = Envelope.smallest + 16 + 12 + 1 + Envelope.mostTags * (1 + Envelope.longestTag) + 4

    private(set) var envelopes: [RedisKey: Envelope] = [:]

    /// Takes an entry's first bytes; false when more are needed.
    mutating func read(_ key: RedisKey, _ head: Data) -> Bool {
        // What is no entry of ours carries no time: nothing kills it.
        guard head.first == Envelope.magic else { return true }
        guard let entry = StoredEntry(head), let envelope = entry.envelope else { return head.count < Self.shortHead }
        envelopes[key] = envelope
        return true
    }

    /// All tags of its entries.
    var tags: Set<ExactString> { envelopes.values.reduce(into: []) { $0.formUnion($1.tags.map { ExactString($0) }) } }

    struct Dead: Sendable, Equatable {
        let key: RedisKey
        /// When it was written, if a tag killed it; nil if its namespace was cleared.
        let byTag: Int64?
    }

    /// What may be deleted.
    func dead(epoch: Int64, tags stamps: [ExactString: Int64]) -> [Dead] {
        envelopes.compactMap { key, envelope in
            if envelope.written <= epoch { return Dead(key: key, byTag: nil) }
            let isDead = envelope.tags.contains { envelope.written <= stamps[ExactString($0)] ?? 0 }
            return isDead ? Dead(key: key, byTag: envelope.written) : nil
        }
    }
}
