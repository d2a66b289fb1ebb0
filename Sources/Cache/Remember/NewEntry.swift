import FoundationEssentials
import RedisCore

/// A loaded value as it is stored, with its life.
struct NewEntry: Sendable {
    let bytes: Data
    let tags: [String]
    /// Time to live, ms, as the script takes it: empty for none.
    let life: String

    /// nil for a missing value that is not to be remembered; throws for a value that cannot be stored.
    ///
    /// `at` is the server's time of the lease, µs; `took` is what loading took since. What `replaces` another entry is
    /// stored in any case: the other one shall not be read any more.
    init?<Value: Codable & Sendable>(
        _ loaded: Loaded<Value?>, _ call: RememberCall<Value>, at: Int64, took: Duration, replaces: Bool
    ) throws(CacheError) {
        let cache = call.cache
        var tags = call.tags
        // By bytes, as Redis tells them apart: what looks like a tag of the call may be another one.
        for tag in loaded.tags.map({ ExactString($0) }) where !tags.contains(where: { ExactString($0) == tag }) {
            tags.append(tag.text)
        }
        try CacheKeys.check(tags: tags, operation: call.operation)
        self.tags = tags
        if let value = loaded.value {
            let life = try Life(
                loaded.ttl ?? call.ttl, of: cache, call.terms, isTagged: !tags.isEmpty, keepsStale: loaded.keepsStale,
                slides: loaded.slides, call.operation)
            let pieces = try cache.pieces(
                value, tags, call.entry, call.operation, freshness: life.freshness(took: took),
                sliding: life.sliding(took: took))
            bytes = pieces.whole(written: at)
            self.life = life.physical
        } else {
            let shortest = replaces ? CacheTTL.after(.milliseconds(1)) : nil
            guard let ttl = loaded.ttl ?? call.terms.negativeTTL.map(CacheTTL.after) ?? shortest else { return nil }
            let life = try Life(
                ttl, of: cache, call.terms, isTagged: !tags.isEmpty, keepsStale: false, slides: false, call.operation)
            var envelope = Envelope(codec: CacheCodec.bytes, schema: cache.options.schema, tags: tags)
            envelope.isNegative = true
            bytes = envelope.pieces(Data(), .off).whole(written: at)
            self.life = life.physical
        }
    }
}
