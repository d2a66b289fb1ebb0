import FoundationEssentials

/// The sessions of ``InMemorySessionStore`` and every decision about them: the scripts' rules without a server.
///
/// Pure: times are µs of a clock that its owner reads.
struct SessionTable: Sendable {
    enum Found: Sendable {
        case active(SessionRecord)
        case ended(CacheError.Code)
    }

    private struct Entry: Sendable {
        var record: SessionRecord
        let idle: Int64
        var isRevoked = false
        /// When nobody remembers it any more.
        var forgottenAt: Int64
    }

    /// How long the end is remembered, µs.
    let endedFor: Int64
    let maxPerUser: Int?
    private var entries: [SessionReference: Entry] = [:]

    init(endedFor: Int64, maxPerUser: Int?) {
        self.endedFor = endedFor
        self.maxPerUser = maxPerUser
    }

    mutating func create(
        _ reference: SessionReference, _ record: SessionRecord, idle: Int64, _ now: Int64
    ) {
        entries = entries.filter { $0.value.forgottenAt > now }
        entries[reference] = Entry(record: record, idle: idle, forgottenAt: record.expiresAt + endedFor)
        guard let maxPerUser else { return }
        let others = active(tag: reference.tag, now).filter { $0.reference != reference }
        let oldest = others.sorted {
            ($0.record.createdAt, $0.reference.name) < ($1.record.createdAt, $1.reference.name)
        }
        for old in oldest.prefix(max(0, others.count + 1 - maxPerUser)) { revoke(old.reference, now) }
    }

    func find(_ reference: SessionReference, _ now: Int64) -> Found {
        guard let entry = entries[reference], entry.forgottenAt > now else { return .ended(.notFound) }
        if entry.isRevoked { return .ended(.revoked) }
        return entry.record.expiresAt > now ? .active(entry.record) : .ended(.expired)
    }

    mutating func refresh(_ reference: SessionReference, _ now: Int64) -> Found {
        guard case .active(var record) = find(reference, now), let idle = entries[reference]?.idle else {
            return find(reference, now)
        }
        record.expiresAt = min(now + idle, record.endsAt)
        record.seenAt = now
        entries[reference]?.record = record
        entries[reference]?.forgottenAt = record.expiresAt + endedFor
        return .active(record)
    }

    /// nil when somebody else was faster.
    mutating func update(
        _ reference: SessionReference, from version: Int64, metadata: Data?, data: Data, _ now: Int64
    ) -> Found? {
        guard case .active(var record) = find(reference, now) else { return find(reference, now) }
        guard record.version == version else { return nil }
        record.version += 1
        record.metadata = metadata
        record.data = data
        entries[reference]?.record = record
        return .active(record)
    }

    mutating func rotate(_ old: SessionReference, to new: SessionReference, _ now: Int64) -> Found {
        guard case .active(let record) = find(old, now) else { return find(old, now) }
        entries[new] = entries[old]
        revoke(old, now)
        return .active(record)
    }

    mutating func destroy(_ reference: SessionReference, _ now: Int64) -> Bool {
        guard case .active = find(reference, now) else { return false }
        revoke(reference, now)
        return true
    }

    mutating func destroyAll(tag: String, except kept: SessionReference?, _ now: Int64) -> Int {
        let ended = active(tag: tag, now).filter { $0.reference != kept }
        for session in ended { revoke(session.reference, now) }
        return ended.count
    }

    /// By expiry.
    func list(
        tag: String, after cursor: Int64?, limit: Int, _ now: Int64
    ) -> (page: [(reference: SessionReference, record: SessionRecord)], next: Int64?) {
        let all = active(tag: tag, now).filter { $0.record.expiresAt > cursor ?? .min }
            .sorted { ($0.record.expiresAt, $0.reference.name) < ($1.record.expiresAt, $1.reference.name) }
        guard all.count >= limit else { return (all, nil) }
        // As in Redis: what expires in the same microsecond is on the same page.
        let last = all[limit - 1].record.expiresAt
        return (all.filter { $0.record.expiresAt <= last }, last)
    }

    private func active(tag: String, _ now: Int64) -> [(reference: SessionReference, record: SessionRecord)] {
        entries.compactMap { reference, entry in
            guard reference.tag == tag, !entry.isRevoked, entry.record.expiresAt > now else { return nil }
            return (reference, entry.record)
        }
    }

    private mutating func revoke(_ reference: SessionReference, _ now: Int64) {
        entries[reference]?.isRevoked = true
        entries[reference]?.forgottenAt = now + endedFor
    }
}
