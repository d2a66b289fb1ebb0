import RedisCore

/// One candidate's question whether it may lead.
struct ElectionRequest: Sendable {
    let engine: CoordinationEngine
    let name: String
    let id: String
    let keys: ElectionKeys
    let wakeSuffix: String
    let times: ElectionTimes

    enum Outcome: Sendable {
        case won(Lease)
        case held(Leader)
        case barred(Duration)
    }

    /// Asks once, with a token of its own: one round trip.
    func campaign() async throws -> Outcome {
        let now = Moment.now
        let core = LeaseCore(
            engine, kind: .leadership, name: name, key: RedisKey(keys.leader), ttl: times.lease, now: now, renews: true,
            maxHold: nil, wakeSuffix: wakeSuffix)
        engine.renewals.register(core, now: now)
        let reply: [RedisValue]
        do {
            reply = try await engine.redis.evaluate(
                ElectionScripts.campaign,
                keys: [RedisKey(keys.leader), RedisKey(keys.term), RedisKey(keys.bar(id))],
                arguments: [core.token.text, times.lease.milliseconds, id, LifeOfKeys.fence, wakeSuffix],
                timeout: times.renewDeadline, on: .control)
        } catch {
            core.abandoned(after: error)
            throw CoordinationError.from(error, operation: "elect", key: keys.leader)
        }
        guard case .integer(let kind) = reply.first else {
            core.refused()
            throw unreadable
        }
        if kind == 1, reply.count == 2, case .integer(let term) = reply[1] {
            guard case .granted(let lease) = core.answered(term) else {
                await core.giveBack()
                return .held(Leader(id: id, term: term, leaseLeft: .zero))
            }
            return .won(lease)
        }
        core.refused()
        if kind == 2, reply.count == 2, case .integer(let left) = reply[1] { return .barred(.milliseconds(left)) }
        guard kind == 0, let leader = Leader(reply.dropFirst()) else { throw unreadable }
        return .held(leader)
    }

    private var unreadable: CoordinationError {
        CoordinationError(
            .unavailable, operation: "elect", key: keys.leader,
            message: "the record \(keys.leader) is not one of an election; another program uses the key")
    }
}

extension Leader {
    /// Reads {id, term, ms left}; nil for anything else.
    init?(_ reply: some Collection<RedisValue>) {
        let parts = Array(reply)
        guard parts.count == 3, case .bytes(let id) = parts[0], case .integer(let term) = parts[1],
            case .integer(let left) = parts[2]
        else { return nil }
        self.init(
            id: String(decoding: id, as: UTF8.self), term: term, leaseLeft: .milliseconds(max(left, 0)))
    }
}

extension CoordinationError {
    /// The client was closed by its owner: asking again changes nothing.
    var isClosed: Bool { (underlying as? RedisError)?.code == .closed }
}
