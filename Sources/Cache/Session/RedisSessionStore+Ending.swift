import Metrics
import RedisCore

extension RedisSessionStore {
    /// Ends a session; true if it was active.
    ///
    /// One round trip. Works on a server that is out of memory.
    @discardableResult
    public func destroy(_ reference: SessionReference) async throws -> Bool {
        try check()
        let ended = try await run(
            scripts.destroy, [keys.session(reference), keys.index(reference.tag)],
            [reference.name, RequestNumber.next(), options.endedMilliseconds], "session.destroy", as: Bool.self)
        if ended { engine.metrics.sessions.destroyed.increment() }
        return ended
    }

    /// Ends all sessions of a user in one step; how many were active.
    ///
    /// One round trip, in which they end; then two for each 256 sessions to clear them away. If clearing fails the call
    /// succeeds all the same: what is left counts as revoked until its time is over. Works on a server that is out of
    /// memory.
    ///
    /// - Throws: `unavailable`: they may have ended or not, repeat it. `invalidArgument` when `kept` is another user's.
    @discardableResult
    public func destroyAll(userID: String, except kept: SessionReference?) async throws -> Int {
        let operation = "session.destroyAll"
        let tag = try tag(userID, operation)
        guard kept.map({ $0.tag == tag }) ?? true else {
            throw CacheError(
                .invalidArgument, operation: operation,
                message: "the session that is to go on belongs to another user")
        }
        let ended = keys.ended(tag, request: RequestNumber.next())
        let count = try await run(
            scripts.destroyAll, [keys.index(tag), ended] + (kept.map { [keys.session($0)] } ?? []),
            [options.endedMilliseconds, kept?.name ?? ""], operation, as: Int.self)
        engine.metrics.sessions.destroyed.increment(by: Int64(count))
        await clear(ended, tag, operation)
        return count
    }

    /// Buries all sessions of an index that nobody reads any more, some at a time, and the index with them.
    private func clear(_ ended: RedisKey, _ tag: String, _ operation: String) async {
        let command = RedisCommand("ZPOPMAX", ended, Self.clearedAtOnce)
        while !Task.isCancelled {
            // Members first, the mark of the request last: its score is the smallest.
            let popped = try? await engine.call(operation, key: nil) { redis throws(RedisError) in
                try await redis.command(command, as: [String].self, timeout: options.timeout)
            }
            guard let popped else { return }
            let members = stride(from: 0, to: popped.count, by: 2).map { popped[$0] }.filter { $0 != "-" }
            guard !members.isEmpty else { return }
            await bury(members, tag, operation)
            if popped.count < 2 * Self.clearedAtOnce { return }
        }
    }

    private static var clearedAtOnce: Int { 256 }

    /// Puts marks in the place of sessions that have ended; whatever fails is cleared away by its time to live.
    func bury(_ members: [String], _ tag: String, _ operation: String) async {
        let sessions = members.map { keys.session(tag, String($0.suffix(22))) }
        let arguments: [any RedisArgument] = [options.endedMilliseconds] + members
        _ = try? await run(scripts.bury, [keys.index(tag)] + sessions, arguments, operation, as: Int.self)
    }

    /// A page of a user's active sessions, those that expire first first.
    ///
    /// Two round trips, one when there are none. What has expired or was lost is taken out of the index on the way.
    ///
    /// - Parameter limit: 1 to 500; sessions that expire in the same microsecond may make the page longer.
    public func list(userID: String, after: SessionCursor?, limit: Int) async throws -> SessionPage<Value> {
        let operation = "session.list"
        let tag = try tag(userID, operation)
        guard (1...500).contains(limit) else {
            throw CacheError(
                .invalidArgument, operation: operation, message: "a page has \(limit) sessions; give 1 to 500")
        }
        let start = after.map { "(\($0.expiry)" } ?? "-inf"
        var members = try await run(scripts.page, [keys.index(tag)], [start, limit], operation, as: [String].self)
        guard let last = members.popLast(), let expiry = Int64(last) else {
            return SessionPage(sessions: [], undecodable: [], next: nil)
        }
        let replies = try await run(
            scripts.readMany, [keys.index(tag)] + members.map { keys.session(tag, String($0.suffix(22))) }, members,
            operation, as: [SessionReply].self)
        var sessions: [SessionInfo<Value>] = []
        var undecodable: [SessionReference] = []
        for (member, reply) in zip(members, replies) {
            // Two users whose tags collide, once in 2^48 users, do not see each other's.
            guard let record = reply.record, record.userID == userID else { continue }
            let reference = SessionReference(tag: tag, name: String(member.suffix(22)))
            do {
                sessions.append(SessionInfo(reference, record, try coder.content(record, operation)))
            } catch {
                undecodable.append(reference)
            }
        }
        let next = members.count < limit ? nil : SessionCursor(expiry: expiry)
        return SessionPage(sessions: sessions, undecodable: undecodable, next: next)
    }
}
