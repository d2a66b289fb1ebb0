import Coordination
import EventBus
import Logging
import RedisCore

/// What all handlers of a worker share.
struct HandlerTools: Sendable {
    let worker: String
    let publisher: EventPublisher
    let locks: Locks
    let coordinator: TaskCoordinator
    let redis: RedisClient
    let programs: ProgramRunner
    let slots: Slots
    let inFlight: InFlight
    let logger: Logger
}

/// Takes one handler's events through claim, rate limit, lock, slot and timeout to its action.
///
/// A run holds its slots only while it runs. The claim and the lock are first tried while holding them; when another
/// worker has either, the slots are given back during the wait and taken again afterwards. So waiting never keeps
/// a slot from work, and a holder of slots never waits for somebody else.
final class HandlerRunner: Sendable {
    let configuration: HandlerConfiguration
    let counters: HandlerCounters
    let tools: HandlerTools
    let limiter: RateLimiter?
    private let ownSlots: Slots?
    private let logger: Logger

    /// What the fleet remembers of a finished run.
    struct Completion: Codable, Sendable {
        let worker: String
        /// True when the rate limit dropped the event, which ends it for the whole fleet.
        var dropped: Bool?
    }

    /// One event on its way through this handler.
    struct Run: Sendable {
        let event: EventFields
        let fields: [String: JSONValue]
        let ticket: SlotTicket
        let entry: Int
        var attempt = 1
        var fence: Int64?
    }

    init(_ configuration: HandlerConfiguration, tools: HandlerTools) throws(CoordinationError) {
        limiter = try Self.limiter(configuration, tools.redis)
        self.configuration = configuration
        self.tools = tools
        counters = HandlerCounters(handler: configuration.name)
        ownSlots = configuration.concurrency.map(Slots.init)
        var logger = tools.logger
        logger[metadataKey: "handler"] = .string(configuration.name)
        self.logger = logger
    }

    /// Handles one event to its end.
    ///
    /// Failures are counted and logged here; they concern no other handler.
    func handle(_ event: RawEvent, channel: String, pattern: String?) async {
        var logger = logger
        logger[metadataKey: "event"] = .string(LogText.clean(event.type))
        if let id = event.id { logger[metadataKey: "id"] = .string(LogText.clean(id)) }
        let entry = tools.inFlight.begin(
            .init(handler: configuration.name, type: event.type, id: event.id, channel: channel))
        defer { tools.inFlight.end(entry) }
        let ticket = SlotTicket([ownSlots, tools.slots].compactMap(\.self))
        defer { ticket.release() }
        do {
            let fields = try EventFields(event, channel: channel, pattern: pattern)
            let run = Run(
                event: fields, fields: fields.templateFields(worker: tools.worker, handler: configuration.name),
                ticket: ticket, entry: entry)
            try await ticket.acquire()
            let outcome = try await claimed(run, logger)
            counters.record(outcome)
            logger.debug("event handled", metadata: ["outcome": "\(outcome.rawValue)"])
        } catch {
            record(error, logger)
        }
    }

    private func record(_ error: any Error, _ logger: Logger) {
        if Task.isCancelled {
            counters.record(.cancelled)
            logger.warning("run ended by the shutdown", metadata: ["reason": "\(error)"])
        } else {
            counters.record(.failed)
            logger.error("handler failed", metadata: ["reason": "\(error)"])
        }
    }

    func render(_ template: EventTemplate, _ what: String, _ run: Run) throws(HandlerFailure) -> String {
        let text: String
        do throws(TemplateProblem) {
            text = try template.render(run.fields, strict: true)
        } catch {
            throw HandlerFailure("\(what) '\(template.source)' cannot be filled in: \(error.message)")
        }
        guard !text.isEmpty else { throw HandlerFailure("\(what) '\(template.source)' is empty for this event") }
        return text
    }
}

// MARK: - Rate limit and lock

extension HandlerRunner {
    /// False when the rate limit dropped the event.
    ///
    /// After the claim, so that one worker of the fleet asks for it; before the lock, so that nobody holds one while it
    /// waits.
    func limited(_ run: Run, _ logger: Logger) async throws -> Bool {
        guard try await isAdmitted(run, logger) else { return false }
        try await locked(run, logger)
        return true
    }

    private func locked(_ run: Run, _ logger: Logger) async throws {
        guard let lock = configuration.lock else { return try await perform(run, logger) }
        let name = try render(lock.name, "lock", run)
        do {
            return try await tools.locks.withLock(name, ttl: lock.ttl, wait: .zero) { lease in
                var run = run
                run.fence = lease.fencingToken
                try await self.perform(run, logger)
            }
        } catch let error as CoordinationError where error.code == .lockNotAcquired {
            guard lock.wait > .zero else { throw HandlerFailure("the lock is held by somebody else") }
        }
        run.ticket.release()
        tools.inFlight.move(run.entry, to: .waitingForLock)
        do {
            try await tools.locks.withLock(name, ttl: lock.ttl, wait: lock.wait) { lease in
                var run = run
                run.fence = lease.fencingToken
                self.tools.inFlight.move(run.entry, to: .queued)
                try await run.ticket.acquire()
                try await self.perform(run, logger)
            }
        } catch let error as CoordinationError where error.code == .lockNotAcquired {
            throw HandlerFailure("the lock was not free within \(DurationText.text(lock.wait))")
        }
    }
}
