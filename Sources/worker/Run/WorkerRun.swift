import Coordination
import EmbeddedRedis
import EventBus
import Foundation
import Logging
import RedisCore
import ServiceLifecycle

/// `worker run` from a checked configuration to its end.
struct WorkerRun {
    let configuration: WorkerConfiguration
    let redisURL: String?
    let logger: Logger

    /// A debounced event is kept as text inside of JSON, which may double it.
    private static let longestStoredEvent = 4 << 20

    /// Returns when the worker was told to end and has drained; throws a ``Failure`` otherwise.
    func run() async throws {
        // Before anything can take long: a signal during the start ends a worker that has begun nothing.
        let watcher = SignalWatcher()
        do {
            try await withRedis { client in
                try await ProcessGuard.with { processGuard in
                    try await serve(client, processGuard, watcher)
                }
            }
        } catch {
            throw Failure(error)
        }
    }

    private func withRedis(_ body: (RedisClient) async throws -> Void) async throws {
        guard let redisURL else {
            var options = EmbeddedServer.Options()
            options.directory = stateDirectory + "/redis"
            options.appendOnly = true
            let server = try await EmbeddedServer.start(options, logger: logger)
            logger.info("embedded Redis started", metadata: ["url": "\(server.url)"])
            do {
                try await withClient(server.configuration, body)
                await server.stop()
            } catch {
                await server.stop()
                throw error
            }
            return
        }
        try await withClient(RedisOption.configuration(url: redisURL), body)
    }

    private var stateDirectory: String {
        StateDirectory.path(
            configured: configuration.worker.stateDirectory, environment: ProcessInfo.processInfo.environment)
    }

    private func withClient(
        _ redis: RedisConfiguration, _ body: (RedisClient) async throws -> Void
    ) async throws {
        var redis = redis
        redis.clientName = "worker-\(configuration.worker.name)".filter { $0.isASCII && !$0.isWhitespace }
        let client = try await RedisClient.connect(redis, logger: logger)
        do {
            try await body(client)
            await client.close()
        } catch {
            await client.close(drain: .zero)
            throw error
        }
    }

    private func serve(_ client: RedisClient, _ processGuard: ProcessGuard, _ watcher: SignalWatcher) async throws {
        try await CoordinationChecks(client).apply(configuration.checks)
        let inFlight = InFlight()
        let tools = HandlerTools(
            worker: configuration.worker.name,
            publisher: EventPublisher(client, source: configuration.worker.name),
            locks: Locks(client), coordinator: TaskCoordinator(client, longestResult: Self.longestStoredEvent),
            redis: client,
            programs: ProgramRunner(processGuard: processGuard), slots: Slots(configuration.worker.concurrency),
            inFlight: inFlight, logger: logger)
        let runners = try configuration.handlers.map { try HandlerRunner($0, tools: tools) }
        let router = EventRouter(runners)
        let fetching = fetchGroup(client, router)
        logger.info(
            "worker started",
            metadata: [
                "worker": "\(configuration.worker.name)", "redis": "\(client.configuration.redactedURL)",
                "handlers": "\(runners.count)", "pid": "\(ProcessInfo.processInfo.processIdentifier)",
            ])
        defer { logTotals(runners) }
        let steering = Steering(
            fetching: fetching, inFlight: inFlight, drainTimeout: configuration.worker.drainTimeout, logger: logger)
        try await steering.run(watcher.signals)
    }

    private func fetchGroup(_ client: RedisClient, _ router: EventRouter) -> ServiceGroup {
        var options = EventSubscriber.Options()
        let worker = configuration.worker
        // An event that is taken up may wait for a slot, a lock or another worker, so these are many more than slots.
        options.concurrency = max(4 * worker.concurrency, worker.queue / 8)
        // Four times as many are lined up by the subscriber; the rest of the queue is the subscription's buffer.
        options.buffer.capacity = max(1_024, worker.queue - 5 * options.concurrency)
        // The drain timeout is enforced by ``Steering``, which alone knows whether this is a drain.
        options.drainTimeout = .seconds(86_400 * 365)
        options.onSubscribed = { [logger] in
            logger.notice("ready", metadata: ["channels": "\(router.channels)", "patterns": "\(router.patterns)"])
        }
        let subscriber = EventSubscriber(
            client, channels: router.channels, patterns: router.patterns, options: options, logger: logger)
        subscriber.on("*") { event, context in
            await router.dispatch(event, channel: context.channel, pattern: context.pattern)
        }
        return ServiceGroup(configuration: .init(services: [.init(service: subscriber)], logger: logger))
    }

    private func logTotals(_ runners: [HandlerRunner]) {
        for runner in runners {
            var metadata: Logger.Metadata = ["handler": "\(runner.configuration.name)"]
            for outcome in HandlerOutcome.allCases { metadata[outcome.rawValue] = "\(runner.counters[outcome])" }
            logger.info("handler totals", metadata: metadata)
        }
    }
}
