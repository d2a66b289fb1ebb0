import RedisCore

/// One call of `debounce` up to the run, or to the news that another call's run takes its place.
struct DebounceWait: Sendable {
    /// How often the newest call asks whether the run before it has ended.
    private static let impatience = Duration.milliseconds(500)

    private let request: OnceRequest
    private let pending: RedisKey
    private let followers: TaskCoordinator.Followers
    /// The call, whatever leases it asks for.
    private let token = Token()
    private let begun = Moment.now

    enum Turn: Sendable {
        case run(Lease, takenOver: Bool, payload: [UInt8])
        case superseded
    }

    init(
        _ request: OnceRequest, pending: String, _ followers: TaskCoordinator.Followers
    ) throws(CoordinationError) {
        if case .wait(let limit?) = followers, limit < .zero {
            throw CoordinationError(
                .invalidArgument, operation: "debounce", key: request.key,
                message: "the wait is \(limit); it must not be negative")
        }
        self.request = request
        self.pending = RedisKey(pending)
        self.followers = followers
    }

    /// Makes this the newest call, and waits until it is due.
    func turn(_ payload: [UInt8], order: Int64?, quiet: LeaseTime, most: LeaseTime?) async throws -> Turn {
        let reply: [Int64]
        do {
            reply = try await request.engine.redis.evaluate(
                DebounceScripts.put, keys: [pending, RedisKey(request.key)],
                arguments: [
                    token.text, payload, quiet.milliseconds, most?.milliseconds ?? 0, DebounceScripts.slack,
                    order.map { "\($0)" } ?? "",
                ], on: .control)
        } catch {
            throw CoordinationError.from(error, operation: "debounce", key: pending.name)
        }
        guard reply.count == 2, reply[0] >= 0 else { return .superseded }
        let putAt = reply[1]
        try await sleep(.milliseconds(reply[0]))
        while true {
            switch try await ask(putAt) {
            case .take(let lease, let takenOver, let payload):
                return .run(lease, takenOver: takenOver, payload: payload)
            case .over: return .superseded
            // Only this caller runs it, so it does not stand in a line behind those that wait for its end.
            case .mine(let left): try await sleep(min(left, Self.impatience))
            case .others:
                guard case .wait(let limit) = followers else { return .superseded }
                return try await follow(putAt, until: limit.map { begun + quiet.duration + $0 })
            }
        }
    }

    /// Another call is newer: waits for its run, or takes it over when nobody else does.
    private func follow(_ putAt: Int64, until deadline: Moment?) async throws -> Turn {
        let turn = try await request.engine.waits.wait(on: request.wakeChannel, until: deadline) {
            () async throws -> WaitRoom.Verdict<Turn> in
            switch try await ask(putAt) {
            case .take(let lease, let takenOver, let payload):
                .granted(.run(lease, takenOver: takenOver, payload: payload), holdsFor: request.lease.duration)
            case .over: .settled(.superseded)
            case .mine(let left), .others(let left): .denied(left: left)
            }
        }
        guard let turn else { throw request.stillInProgress(owner: "a newer call") }
        return turn
    }

    private enum Answer: Sendable {
        case take(Lease, takenOver: Bool, payload: [UInt8])
        case mine(left: Duration)
        case others(left: Duration)
        case over
    }

    private func ask(_ putAt: Int64) async throws -> Answer {
        let core = request.register()
        let reply: [RedisValue]
        do {
            reply = try await request.engine.redis.evaluate(
                DebounceScripts.take, keys: [core.key, pending],
                arguments: [
                    core.token.text, request.lease.milliseconds, request.retention.milliseconds, request.owner,
                    token.text, DebounceScripts.grace, putAt,
                ], on: .control)
        } catch {
            core.abandoned(after: error)
            throw CoordinationError.from(error, operation: "debounce", key: request.key)
        }
        switch DebounceAnswer(reply) {
        case .take(let fence, let takenOver, let payload):
            return .take(try await request.granted(core, fence), takenOver: takenOver, payload: payload)
        case .mine(let left):
            core.refused()
            return .mine(left: left)
        case .others(let left):
            core.refused()
            return .others(left: left)
        case .over:
            core.refused()
            return .over
        case nil:
            core.refused()
            throw CoordinationError(
                .unavailable, operation: "debounce", key: request.key,
                message: "the record \(request.key) is not one of a debounced task; another program uses the key")
        }
    }

    private func sleep(_ time: Duration) async throws {
        guard time > .zero else { return }
        try await request.engine.redis.eventLoop.sleep(for: time)
    }
}
