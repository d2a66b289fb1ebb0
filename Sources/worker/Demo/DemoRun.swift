import EmbeddedRedis
import EventBus
import Foundation
import Logging
import RedisCore
import Synchronization

/// `worker demo` from start to verdict.
struct DemoRun {
    let input: DemoInput
    let display: DemoDisplay
    let limit = Duration.seconds(90)

    private static let victim = "worker-2"
    private static let rate = PublishRate(argument: "400/s")

    /// Returns the verdict; everything that was started has ended by then, however it goes.
    func run() async throws -> DemoVerdict {
        let folder = try DemoFolder()
        defer { folder.remove() }
        let server = try await EmbeddedServer.start(logger: CommandLog.logger(level: .error))
        do {
            let client = try await RedisClient.connect(server.configuration, logger: CommandLog.logger(level: .error))
            display.say("Redis \(server.url), events from \(input.origin)")
            let verdict = try await ProcessGuard.with(removing: folder.path) { processGuard in
                try await withWorkers(folder, server.url, ProgramRunner(processGuard: processGuard)) { workers in
                    try await observe(workers, folder, client)
                }
            }
            await client.close(drain: .zero)
            await server.stop()
            return verdict
        } catch {
            await server.stop()
            throw error
        }
    }

    /// Starts the workers, runs `body`, and returns when all of them have ended.
    private func withWorkers(
        _ folder: DemoFolder, _ redis: String, _ programs: ProgramRunner,
        _ body: ([DemoWorker]) async throws -> DemoVerdict
    ) async throws -> DemoVerdict {
        let workers = (1...3).map { DemoWorker(name: "worker-\($0)") }
        return try await withThrowingTaskGroup(of: Void.self) { group in
            for worker in workers {
                group.addTask { await worker.run(folder: folder, redis: redis, programs: programs) }
            }
            // Leaving by an error cancels the group, which ends the processes.
            return try await body(workers)
        }
    }

    private func observe(
        _ workers: [DemoWorker], _ folder: DemoFolder, _ client: RedisClient
    ) async throws -> DemoVerdict {
        try await waitForSubscribers(workers, client)
        display.say("three workers are subscribed; publishing")
        let published = Mutex(0)
        let input = input
        async let publishing = Self.publish(input, client) { progress in published.withLock { $0 = progress.published }
        }
        var plan = DemoPlan(expected: Set(input.ids), victim: Self.victim, slots: DemoFolder.slots)
        let deadline = ContinuousClock.now + limit
        var killed: String?
        watching: while ContinuousClock.now < deadline {
            let ledgers = Self.ledgers(of: workers, folder)
            show(workers, ledgers, published: published.withLock { $0 }, killed: killed)
            switch plan.observe(ledgers) {
            case .none: break
            case .hold: try folder.hold(Self.victim)
            case .kill:
                workers.first { $0.name == Self.victim }?.send(SIGKILL)
                killed = Self.victim
                let count = ledgers[Self.victim]?.unfinished.count ?? 0
                display.say("kill -9 \(Self.victim), in the middle of \(count) orders")
            case .finish: break watching
            }
            try requireAlive(workers, killed: killed)
            try await Task.sleep(for: .milliseconds(50))
        }
        let progress = try await publishing
        try await end(workers, killed: killed)
        display.erase()
        // Nothing runs any more: the ledgers are final.
        return DemoVerdict(
            publishedIDs: input.ids, broken: progress.broken, ledgers: Self.ledgers(of: workers, folder),
            killed: killed)
    }

    private static func publish(
        _ input: DemoInput, _ client: RedisClient, onProgress: @Sendable (EventFilePublisher.Progress) -> Void
    ) async throws -> EventFilePublisher.Progress {
        let publisher = EventFilePublisher(
            publisher: EventPublisher(client, source: "demo"), channel: DemoFolder.channel, type: DemoFolder.type,
            rate: rate, id: DemoInput.id)
        return try await publisher.publish(LineReader(bytes: input.bytes), onProgress: onProgress)
    }

    /// Publish/subscribe forgets what nobody hears, so nothing is published before all three listen.
    private func waitForSubscribers(_ workers: [DemoWorker], _ client: RedisClient) async throws {
        let deadline = ContinuousClock.now + .seconds(30)
        while ContinuousClock.now < deadline {
            let reply = try await client.command(RedisCommand("PUBSUB", "NUMSUB", DemoFolder.channel))
            if case .array(let parts) = reply, parts.last == .integer(Int64(workers.count)) { return }
            try requireAlive(workers, killed: nil)
            try await Task.sleep(for: .milliseconds(20))
        }
        throw Failure(.software, "the workers did not subscribe within 30 s\n" + Self.log(of: workers))
    }

    private func requireAlive(_ workers: [DemoWorker], killed: String?) throws {
        for worker in workers where worker.name != killed {
            guard let ending = worker.hasEnded else { continue }
            let reason = ending.failure(of: worker.name, timeout: .zero) ?? "\(worker.name) ended early"
            throw Failure(.software, reason + "\n" + Self.log(of: [worker]))
        }
    }

    /// SIGTERM to those that live; they must drain and end with 0.
    private func end(_ workers: [DemoWorker], killed: String?) async throws {
        for worker in workers { worker.send(SIGTERM) }
        let deadline = ContinuousClock.now + .seconds(15)
        for worker in workers {
            while worker.hasEnded == nil, ContinuousClock.now < deadline {
                try await Task.sleep(for: .milliseconds(20))
            }
            guard worker.name != killed, worker.hasEnded != .exited(0) else { continue }
            let reason = worker.hasEnded?.failure(of: worker.name, timeout: .zero) ?? "\(worker.name) did not end"
            throw Failure(.software, reason + "\n" + Self.log(of: [worker]))
        }
    }

    private func show(_ workers: [DemoWorker], _ ledgers: [String: Ledger], published: Int, killed: String?) {
        let rows = workers.map { worker in
            let ledger = ledgers[worker.name] ?? Ledger()
            let isKilled = worker.name == killed
            return DemoDisplay.Picture.Row(
                name: worker.name, done: ledger.done, inFlight: isKilled ? 0 : ledger.unfinished.count,
                state: isKilled ? "killed" : "running")
        }
        display.show(
            .init(rows: rows, published: published, total: input.ids.count, expected: Set(input.ids).count))
    }

    private static func ledgers(of workers: [DemoWorker], _ folder: DemoFolder) -> [String: Ledger] {
        Dictionary(uniqueKeysWithValues: workers.map { ($0.name, folder.ledger($0.name)) })
    }

    private static func log(of workers: [DemoWorker]) -> String {
        workers.flatMap { worker in worker.lastLines.map { "\(worker.name)  \(LogText.clean($0))" } }
            .joined(separator: "\n")
    }
}
