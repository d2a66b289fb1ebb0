import Logging
import Metrics
public import RedisCore

/// Elections as seen from outside: who leads, who comes next, and an administrator's word.
///
/// Making one is cheap; nothing is sent.
public struct Elections: Sendable {
    let engine: CoordinationEngine
    private let keys: CoordinationKeys

    /// The elections on one server.
    public init(_ redis: RedisClient) {
        engine = CoordinationEngine.of(redis)
        keys = CoordinationKeys(redis.configuration, naming: .standard)
    }

    /// Who leads now; nil when nobody does.
    ///
    /// One round trip. The leader may have stepped down already, never the other way round.
    ///
    /// - Throws: `unavailable` when Redis gave no verdict, `invalidArgument`; `CancellationError`.
    public func currentLeader(_ name: String) async throws -> Leader? {
        try await leader(keys.election(name).leader)
    }

    /// All elections that have a leader, by name; reads every key's name of the database, page by page.
    ///
    /// - Throws: `unavailable` when Redis gave no verdict; `CancellationError`.
    public func all() async throws -> [(name: String, leader: Leader)] {
        var found: [(name: String, leader: Leader)] = []
        do {
            for try await key in engine.redis.scan(match: keys.leaderPattern, type: .hash) {
                guard let name = keys.election(ofKey: key.name), let leader = try await leader(key.name) else {
                    continue
                }
                found.append((name, leader))
            }
        } catch let error as RedisError {
            throw CoordinationError.from(error, operation: "list", key: keys.leaderPattern)
        }
        return found.sorted { $0.name < $1.name }
    }

    /// Ends the current leader's term and, for a time, keeps it from campaigning again; two round trips.
    ///
    /// The leader is told at once and cancels what it does; another candidate takes over at once. When a reply is lost
    /// the request is repeated and ends no other term. The leader learns of it by pub/sub, or at its next renewal:
    /// until then it may act, as after any loss; its term is smaller than the successor's.
    ///
    /// - Parameters:
    ///   - name: The election.
    ///   - barring: How long the deposed leader's id may not campaign, 1 ms to ten years; nil for not at all.
    /// - Returns: whose term was ended; nil when nobody led, or that term was over by itself.
    /// - Throws: `unavailable` when Redis gave no verdict, `invalidArgument`; `CancellationError`.
    @discardableResult
    public func forceResignation(_ name: String, barring: Duration? = .seconds(60)) async throws -> Leader? {
        let keys = try self.keys.election(name)
        let bar = try barring.map { time throws(CoordinationError) in
            try LeaseTime(time, "the time without campaigns", operation: "forceResignation").milliseconds
        }
        guard let leader = try await leader(keys.leader) else { return nil }
        let ended: Int
        do {
            ended = try await engine.redis.evaluate(
                ElectionScripts.depose,
                keys: [RedisKey(keys.leader), RedisKey(keys.term), RedisKey(keys.bar(leader.id))],
                arguments: [leader.term, bar ?? 0, self.keys.wakeSuffix, LifeOfKeys.fence], on: .control)
        } catch {
            throw CoordinationError.from(error, operation: "forceResignation", key: keys.leader)
        }
        guard ended == 1 else { return nil }
        ElectionMetrics.deposed.increment()
        engine.logger.notice(
            "a leader was made to resign",
            metadata: ["election": "\(name)", "id": "\(leader.id)", "term": "\(leader.term)"])
        return leader
    }

    /// Who leads from now on: the present state first, then each change; nil for nobody.
    ///
    /// Pub/sub tells when to look, and what is looked up is the truth, so a gap in the messages costs a late element
    /// and never a wrong one. A leader that dies is noticed when its lease is over. A slow reader gets the newest 16.
    /// Ends with the reading task, or when the client is closed.
    public func observe(_ name: String) throws(CoordinationError) -> AsyncStream<Leader?> {
        let key = try keys.election(name).leader
        let observer = ElectionObserver(self, key: key, channel: key + keys.wakeSuffix)
        return observer.stream()
    }

    func leader(_ key: String) async throws -> Leader? {
        do {
            return Leader(
                try await engine.redis.evaluate(
                    ElectionScripts.show, keys: [RedisKey(key)], as: [RedisValue].self, on: .control))
        } catch {
            throw CoordinationError.from(error, operation: "currentLeader", key: key)
        }
    }
}
