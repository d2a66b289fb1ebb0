extension RedisClient {
    /// The server's health as seen from here, answered within `limit` whatever the server does.
    ///
    /// Sends PING and INFO on the control connection, which no large value delays; one round trip. A server that does
    /// not answer, a wrong password or a closed client are findings, not errors. A client that has not connected yet
    /// does so.
    ///
    /// - **unhealthy**: PING not answered, or with an error; the data set is being loaded; the append-only file cannot
    ///   be written; `maxmemory` is used up under `noeviction`.
    /// - **degraded**: PING above 100 ms; the last snapshot failed; above 80 % of `maxmemory` under `noeviction`, 95 %
    ///   under an evicting policy; the server is a replica; above 90 % of `maxclients`; the event loop was late by more
    ///   than 200 ms; the subscriber's heartbeat is older than two periods; INFO not answered.
    public func health(within limit: Duration = .seconds(2)) async -> RedisHealth {
        let answer = FirstOutcome<HealthAnswer>()
        // The commands' deadline is kept by the loop, and a loop that is stuck must not take the answer with it: the
        // alarm is the pool's. Unstructured so that the answer need not wait for commands nobody ends.
        let probe = Task { answer.settle(await probeHealth(limit - min(limit / 4, .milliseconds(250)))) }
        let alarm = Task {
            try await Task.sleep(for: limit)
            answer.settle(HealthAnswer(failure: stuckError(limit)))
        }
        let found = await withTaskCancellationHandler {
            await answer.value
        } onCancel: {
            probe.cancel()
        }
        probe.cancel()
        alarm.cancel()
        let local = HealthAssessment.LocalFacts(
            loopLag: eventLoop.lag, subscriberHeartbeatAge: subscriber.heartbeatAge,
            heartbeatPeriod: configuration.heartbeat, reconnects: facts.snapshot.reconnects)
        return HealthAssessment.assess(ping: found.ping, info: found.info, local: local)
    }

    private func probeHealth(_ timeout: Duration) async -> HealthAnswer {
        // Both are on their way before either is answered.
        async let info = askForInfo(timeout)
        let ping = await measurePing(timeout)
        return HealthAnswer(ping: ping, info: await info)
    }

    private func measurePing(_ timeout: Duration) async -> Result<Duration, RedisError> {
        let clock = ContinuousClock()
        let start = clock.now
        do throws(RedisError) {
            _ = try await unrepeated.send(RedisCommand("PING"), AnyReply.self, timeout: timeout)
            return .success(clock.now - start)
        } catch {
            return .failure(error)
        }
    }

    private func askForInfo(_ timeout: Duration) async -> Result<ServerInfo, RedisError> {
        do throws(RedisError) {
            let text = try await unrepeated.send(RedisCommand("INFO"), Decoded<[UInt8]>.self, timeout: timeout)
            return .success(ServerInfo(String(decoding: text, as: UTF8.self)))
        } catch {
            return .failure(error)
        }
    }

    /// A finding must be fresh: LOADING, for example, is reported and not waited out.
    private var unrepeated: CommandSender {
        var configuration = configuration
        configuration.retry.maxRetries = 0
        return CommandSender(control.connection, configuration)
    }

    private func stuckError(_ limit: Duration) -> RedisError {
        let address = configuration.endpoint.description
        return RedisError(
            .timedOut, operation: "PING",
            message: "whether \(address) answers is unknown, because the event loop of this process did not act within "
                + "\(limit); is long work done on it?",
            address: address)
    }
}

/// What the server said, or why it did not.
private struct HealthAnswer: Sendable {
    let ping: Result<Duration, RedisError>
    let info: Result<ServerInfo, RedisError>

    init(ping: Result<Duration, RedisError>, info: Result<ServerInfo, RedisError>) {
        self.ping = ping
        self.info = info
    }

    init(failure: RedisError) { self.init(ping: .failure(failure), info: .failure(failure)) }
}
