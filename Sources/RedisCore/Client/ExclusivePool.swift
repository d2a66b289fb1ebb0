import Logging

/// Connections that one caller has alone for a while: for WATCH, and for commands that block.
///
/// Idle ones are kept for the next caller. Loop's thread only, but for `init` and `take`.
final class ExclusivePool: @unchecked Sendable {
    // Unchecked: `idle`, `taken`, `outdated` and `isClosed` belong to the loop's thread; all else is constant.

    private let configuration: RedisConfiguration
    private let loop: EventLoop
    private let logger: Logger
    private var idle: [RedisConnection] = []
    private var taken: [ObjectIdentifier: RedisConnection] = [:]
    /// Those of `taken` that lead to a server of the past: no next caller gets them.
    private var outdated: Set<ObjectIdentifier> = []
    private var isClosed = false

    private static let idleLimit = 8

    init(_ configuration: RedisConfiguration, on loop: EventLoop, logger: Logger) {
        self.configuration = configuration
        self.loop = loop
        self.logger = logger
    }

    /// A ready connection, new or used.
    func take() async throws(RedisError) -> RedisConnection {
        let outcome = FirstOutcome<Result<RedisConnection, RedisError>>()
        loop.execute { [self] in
            take { [self] result in
                // The caller has gone: the next one may have it.
                if !outcome.settle(result), case .success(let connection) = result {
                    giveBack(connection, isClean: true)
                }
            }
        }
        let address = configuration.endpoint.description
        return try await withTaskCancellationHandler {
            await outcome.value
        } onCancel: {
            outcome.settle(.failure(.connectCancelled(address)))
        }.get()
    }

    private func take(_ completion: @escaping (Result<RedisConnection, RedisError>) -> Void) {
        guard !isClosed else {
            let address = configuration.endpoint.description
            return completion(
                .failure(
                    RedisError(
                        .closed, operation: "connect", message: "The client of \(address) is closed.", address: address)
                ))
        }
        while let used = idle.popLast() {
            guard used.isUsable else {
                used.close(drain: .zero) {}
                continue
            }
            taken[ObjectIdentifier(used)] = used
            return completion(.success(used))
        }
        // A blocked command is silent for as long as it likes: no heartbeat. A lost one is not made again.
        let fresh = RedisConnection(
            configuration, role: "exclusive", reconnects: false, sendsHeartbeat: false, on: loop, logger: logger)
        taken[ObjectIdentifier(fresh)] = fresh
        fresh.open { [weak self] result in
            if case .failure(let error) = result {
                self?.discard(fresh)
                completion(.failure(error))
            } else {
                completion(.success(fresh))
            }
        }
    }

    /// Takes a connection back; `isClean` promises that no state (WATCH, MULTI, a pending reply) is left on it.
    func giveBack(_ connection: RedisConnection, isClean: Bool) {
        loop.execute { [self] in
            guard taken.removeValue(forKey: ObjectIdentifier(connection)) != nil else { return }
            let isOutdated = outdated.remove(ObjectIdentifier(connection)) != nil
            if isClean, !isClosed, !isOutdated, connection.isUsable, idle.count < Self.idleLimit {
                idle.append(connection)
            } else {
                connection.close(drain: .zero) {}
            }
        }
    }

    private func discard(_ connection: RedisConnection) {
        taken[ObjectIdentifier(connection)] = nil
        outdated.remove(ObjectIdentifier(connection))
        connection.close(drain: .zero) {}
    }

    /// Another server answers now: idle connections to other ones end, taken ones when they are given back.
    ///
    /// Whoever has one may have state on it, such as a WATCH, which must not be cut for nothing.
    func follow(_ runID: String) {
        for connection in idle where connection.isElsewhere(runID) { connection.close(drain: .zero) {} }
        idle.removeAll { $0.isElsewhere(runID) }
        outdated.formUnion(taken.filter { $0.value.isElsewhere(runID) }.keys)
    }

    func close() {
        isClosed = true
        for connection in idle + taken.values { connection.close(drain: .zero) {} }
        idle = []
        taken = [:]
        outdated = []
    }
}
