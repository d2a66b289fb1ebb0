import RedisCore

/// One lease on several independent servers: the same token under the same name, and what a majority says counts.
struct QuorumNodes: LeaseRemote {
    /// The keys of the lock at one server; clients may have different prefixes.
    struct Place: Sendable {
        let redis: RedisClient
        let lock: RedisKey
        let fence: RedisKey
        let wakeSuffix: String
    }

    let places: [Place]
    let token: Token
    let ttl: LeaseTime
    private let wishes = QuorumWishes()

    init(places: [Place], token: Token, ttl: LeaseTime) {
        self.places = places
        self.token = token
        self.ttl = ttl
    }

    private var clients: [RedisClient] { places.map(\.redis) }

    /// How long one server is waited for: a small part of the time to live, so that a silent one leaves most of it.
    static func patience(_ ttl: LeaseTime) -> Duration { max(ttl.duration / 20, .milliseconds(50)) }

    // MARK: Acquiring

    /// Asks every server for the lock; replies are those of ``LockScripts/acquire``.
    func acquire() async -> QuorumPoll.Result {
        await QuorumPoll.ask(clients) { index throws(RedisError) in
            // After the last repetition of the request, which may have been executed after it was given back.
            defer { if wishes.isGivenUp { giveBack(index) } }
            return try await evaluate(
                index, LockScripts.acquire, keys: [places[index].lock, places[index].fence],
                [token.text, ttl.milliseconds, LifeOfKeys.fence], Self.patience(ttl))
        }
    }

    /// Makes every server that granted the lock know the largest fence; true when a majority knows it.
    ///
    /// Whoever gets the lock next is granted it by one of these, and thus a larger fence, however far the servers'
    /// clocks are apart.
    func raise(to fence: Int64, granted: [Int64?]) async -> Bool {
        let result = await QuorumPoll.ask(clients) { index throws(RedisError) in
            guard let own = granted[index], own > 0 else { return 0 }
            if own >= fence { return 1 }
            return try await evaluate(
                index, QuorumScripts.raise, keys: [places[index].lock, places[index].fence],
                [token.text, fence, LifeOfKeys.fence], Self.patience(ttl))
        }
        return result.verdict == .yes
    }

    /// Gives back what any server granted, also one that did not answer; does not wait for them.
    ///
    /// A request follows the acquisition on its connection; where the acquisition is repeated on another one, it is
    /// given back again after its end.
    func giveBack() {
        wishes.giveUp()
        for index in places.indices { giveBack(index) }
    }

    private func giveBack(_ index: Int) {
        Task.detached(executorPreference: places[index].redis.eventLoop) {
            // A server that is away keeps the key until its time to live is over.
            let _: Persistent.Answer<Int64> = await Persistent(places[index].redis).run(
                within: Lease.releaseBudget
            ) { timeout throws(RedisError) in
                try await evaluate(
                    index, LockScripts.release, keys: [places[index].lock],
                    [token.text, places[index].wakeSuffix], timeout)
            }
        }
    }

    // MARK: LeaseRemote

    func renew(_ ttl: LeaseTime, timeout: Duration?) async throws(RedisError) -> Int64 {
        let patience = min(timeout ?? .seconds(5), Self.patience(ttl))
        return try await majority("renew") { index throws(RedisError) in
            try await evaluate(
                index, LockScripts.renew, keys: [places[index].lock], [token.text, ttl.milliseconds], patience)
        }
    }

    func release(timeout: Duration) async throws(RedisError) -> Int64 {
        wishes.giveUp()
        return try await majority("release") { index throws(RedisError) in
            try await evaluate(
                index, LockScripts.release, keys: [places[index].lock], [token.text, places[index].wakeSuffix],
                min(timeout, Self.patience(ttl)))
        }
    }

    func check() async throws(RedisError) -> Int64 {
        try await majority("check") { index throws(RedisError) in
            try await evaluate(index, LockScripts.check, keys: [places[index].lock], [token.text], Self.patience(ttl))
        }
    }

    private func majority(
        _ operation: String, _ question: @escaping QuorumPoll.Question
    ) async throws(RedisError) -> Int64 {
        switch await QuorumPoll.ask(clients, question).verdict {
        case .yes: return 1
        case .no(let taken): return taken ? -1 : 0
        case .unknown, .open: throw Self.silent(operation, of: places.count)
        }
    }

    static func silent(_ operation: String, of count: Int) -> RedisError {
        RedisError(
            .timedOut, operation: operation, message: "Too few of \(count) servers answered to tell.", wasWritten: true)
    }

    private func evaluate(
        _ index: Int, _ script: RedisScript, keys: [RedisKey], _ arguments: [any RedisArgument], _ timeout: Duration
    ) async throws(RedisError) -> Int64 {
        try await places[index].redis.evaluate(
            script, keys: keys, arguments: arguments, timeout: timeout, on: .control)
    }
}

/// What ``QuorumLocks`` needs besides ``LockScripts``.
enum QuorumScripts {
    /// | | |
    /// |---|---|
    /// | KEYS[1] | the lock |
    /// | KEYS[2] | its fence: hash {last, token} |
    /// | ARGV[1] | token |
    /// | ARGV[2] | the fence that was given out |
    /// | ARGV[3] | the fence key's life, ms |
    /// | returns | 1 at least that fence is known here, 0 the lock is not this token's |
    static let raise = RedisScript(
        "quorum.raise", isSafeToRepeat: true,
        """
        if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
        local last = tonumber(redis.call('HGET', KEYS[2], 'last') or 0)
        if last < tonumber(ARGV[2]) then redis.call('HSET', KEYS[2], 'last', ARGV[2], 'token', ARGV[1]) end
        redis.call('PEXPIRE', KEYS[2], ARGV[3])
        return 1
        """)
}

extension LeaseKind {
    /// The same scripts as a lock's, at several servers.
    static let quorum = LeaseKind(
        noun: "quorum lock", renew: LockScripts.renew, release: LockScripts.release, check: LockScripts.check)
}
