import RedisCore

/// Renewals that travel together: one script call where their kind has one for many leases, else one write.
struct RenewalBatch: Sendable {
    /// More than a hundred, so that those that come before their time still leave less than one call per hundred
    /// leases and period; few enough for a script of well under a millisecond.
    static let size = 128

    private enum Way: Sendable {
        /// One call for all of them.
        case joint(RedisScript)
        /// A call for each, in one write.
        case each(RedisScript)
        /// A request of its own, answered by whoever keeps the lease.
        case remote(any LeaseRemote)

        /// Two leases with the same may share a batch; nil for one that may not.
        var name: String? {
            switch self {
            case .joint(let script), .each(let script): script.name
            case .remote: nil
            }
        }
    }

    private let way: Way
    let sentAt: Moment
    private(set) var leases: [LeaseCore] = []
    private var times: [LeaseTime] = []
    /// An answer that takes longer than a refresh period is asked for again.
    private var timeout = Duration.seconds(5)

    private init(_ way: Way, sentAt: Moment) {
        self.way = way
        self.sentAt = sentAt
    }

    /// Puts a renewal into a batch that has room for it, or into a new one.
    static func add(
        _ core: LeaseCore, _ ttl: LeaseTime, sentAt: Moment, to batches: inout [RenewalBatch]
    ) {
        let way: Way =
            if let remote = core.remote { .remote(remote) } else {
                core.kind.renewMany.map(Way.joint) ?? .each(core.kind.renew)
            }
        let index = way.name.flatMap { name in
            batches.lastIndex { $0.way.name == name && $0.leases.count < size }
        }
        if let index { return batches[index].add(core, ttl) }
        var batch = RenewalBatch(way, sentAt: sentAt)
        batch.add(core, ttl)
        batches.append(batch)
    }

    private mutating func add(_ core: LeaseCore, _ ttl: LeaseTime) {
        leases.append(core)
        times.append(ttl)
        timeout = min(timeout, max(ttl.refreshPeriod, .milliseconds(10)))
    }

    /// One answer per lease; nil for one about which nothing was said.
    func answers(from redis: RedisClient) async throws(RedisError) -> [LeaseStateMachine.Answer?] {
        switch way {
        case .joint(let script):
            var arguments: [any RedisArgument] = []
            for (core, ttl) in zip(leases, times) {
                arguments += [core.token.text, ttl.milliseconds] as [any RedisArgument]
            }
            let replies: [RedisValue] = try await redis.evaluate(
                script, keys: leases.map(\.key), arguments: arguments, timeout: timeout, on: .control)
            return leases.indices.map { $0 < replies.count ? LeaseStateMachine.Answer(replies[$0]) : nil }
        case .each(let script):
            let requests = zip(leases, times).map { core, ttl in (core.keys, core.renewalArguments(ttl)) }
            let replies = try await redis.evaluate(script, batch: requests, timeout: timeout, on: .control)
            return replies.map { LeaseStateMachine.Answer($0) }
        case .remote(let remote):
            return [.init(try await remote.renew(times[0], timeout: timeout))]
        }
    }
}
