/// The commands that make a fresh socket usable, and what their replies mean.
///
/// Pure. They go out in rounds, each in one write. A connection that tracks needs two: the server has to be told the
/// number of the connection that is to hear of changes, which is this one (RESP2: hiredis 0.14 knows no other).
struct Handshake {
    private enum Step { case authenticate, select, setName, serverInfo, clientID, track, listen, untrack }

    /// Whether the connection will hear of changed keys.
    enum TrackingState {
        /// Not asked for, or not known yet.
        case none
        case on
        /// The server refused; the connection is as good as any other.
        case unavailable(RedisError)
    }

    /// Where the server tells changed keys.
    static let invalidations: StaticString = "__redis__:invalidate"

    /// What this connection is to track.
    let plan: TrackingPlan
    /// The round to be sent now; empty when there is nothing left to ask.
    private(set) var commands: [RedisCommand] = []
    private(set) var serverInfo: ServerInfo?
    private(set) var tracking = TrackingState.none
    private var steps: [Step] = []

    init(_ configuration: RedisConfiguration, role: String, tracking plan: TrackingPlan = TrackingPlan([])) {
        self.plan = plan
        if let user = configuration.username {
            // A user without a password (`nopass`) takes any, the empty one too; without AUTH it would be the default
            // user.
            ask(.authenticate, RedisCommand("AUTH", user, configuration.password?.value ?? ""))
        } else if let password = configuration.password {
            ask(.authenticate, RedisCommand("AUTH", password.value))
        }
        if configuration.database != 0 { ask(.select, RedisCommand("SELECT", configuration.database)) }
        if let name = configuration.clientName { ask(.setName, RedisCommand("CLIENT", "SETNAME", "\(name):\(role)")) }
        ask(.serverInfo, RedisCommand("INFO", "server"))
        if !plan.isEmpty { ask(.clientID, RedisCommand("CLIENT", "ID")) }
    }

    private mutating func ask(_ step: Step, _ command: RedisCommand) {
        steps.append(step)
        commands.append(command)
    }

    /// True once the server was asked to track.
    ///
    /// A peer that ends the connection then may not know how.
    var isTracking: Bool { steps.contains(.track) || steps.contains(.untrack) }

    /// Takes the replies of a round in order; throws what makes the connection useless.
    ///
    /// Afterwards `commands` is the next round.
    mutating func received(_ replies: [Result<RedisValue, RedisError>]) throws(RedisError) {
        let answered = steps
        steps = []
        commands = []
        for (step, reply) in zip(answered, replies) {
            switch (step, reply) {
            case (.authenticate, .failure(let error)), (.select, .failure(let error)): throw error
            // Asked without a password, or still loading: every command would fail the same way.
            case (.serverInfo, .failure(let error)) where error.code != .noPermission && error.code != .unknownCommand:
                throw error
            case (.serverInfo, .success(.bytes(let text))):
                serverInfo = ServerInfo(String(decoding: text, as: UTF8.self))
            case (.clientID, .success(.integer(let id))): askToTrack(id)
            case (.clientID, .success): tracking = .unavailable(.noTracking("CLIENT ID was not answered by a number"))
            case (.track, .success): tracking = .on
            case (.clientID, .failure(let error)), (.track, .failure(let error)), (.listen, .failure(let error)):
                try refuse(step, error)
            case (_, .success), (.setName, .failure), (.serverInfo, .failure), (.untrack, .failure): break
            }
        }
    }

    private mutating func askToTrack(_ id: Int64) {
        var words: [any RedisArgument] = ["TRACKING", "ON", "REDIRECT", id, "BCAST"]
        for prefix in plan.prefixes { words += ["PREFIX", prefix] as [any RedisArgument] }
        ask(.track, RedisCommand("CLIENT", arguments: words))
        // Nothing can be pushed before this is confirmed, so the confirmation is the next reply.
        ask(.listen, RedisCommand("SUBSCRIBE", "\(Self.invalidations)"))
    }

    /// What the server says for ever makes tracking unavailable; what will pass, the connection is tried again.
    private mutating func refuse(_ step: Step, _ error: RedisError) throws(RedisError) {
        switch error.code {
        case .loading, .busy, .tryAgain, .clusterDown, .noAuthentication: throw error
        default: break
        }
        if case .on = tracking, step == .listen { ask(.untrack, RedisCommand("CLIENT", "TRACKING", "OFF")) }
        // The first refusal is the reason of the second.
        if case .unavailable = tracking { return }
        tracking = .unavailable(error)
    }
}

extension RedisError {
    fileprivate static func noTracking(_ reason: String) -> RedisError {
        RedisError(.server, operation: "CLIENT TRACKING", message: "The server does not track keys: \(reason).")
    }
}
