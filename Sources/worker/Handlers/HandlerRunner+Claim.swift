import Coordination
import EventBus
import Foundation
import Logging
import RedisCore

/// The part of a run that makes one worker of the fleet handle an event.
extension HandlerRunner {
    func claimed(_ run: Run, _ logger: Logger) async throws -> HandlerOutcome {
        guard let dedupe = configuration.dedupe else {
            return try await limited(run, logger) ? .executed : .limited
        }
        // Handlers do not share claims: two handlers may use the same key for different work.
        let id = "\(configuration.name)/" + (try render(dedupe.key, "dedupe.key", run))
        do {
            if dedupe.mode == .debounce { return try await debounced(id, dedupe, run, logger) }
            return try await claimed(id, dedupe, run, logger)
        } catch let error as CoordinationError where error.code == .taskFailed || error.code == .resultUnavailable {
            // Somebody has had this event within the window, and that is all there is to know.
            logger.info("not run again in this window", metadata: ["reason": "\(error.message)"])
            return .duplicate
        }
    }

    private func claimed(
        _ id: String, _ dedupe: HandlerConfiguration.Dedupe, _ run: Run, _ logger: Logger
    ) async throws -> HandlerOutcome {
        let first = try await once(id, dedupe, .skip) { lease in
            var run = run
            run.fence = lease.fencingToken
            return try await self.limited(run, logger)
        }
        guard case .inProgress(let owner, let leaseLeft) = first, dedupe.followers == .wait else {
            return Self.outcome(of: first)
        }
        logger.debug(
            "following another worker",
            metadata: ["owner": "\(owner)", "lease_left": "\(DurationText.text(leaseLeft))"])
        run.ticket.release()
        tools.inFlight.move(run.entry, to: .following)
        // The holder may die: its lease lapses, and one of those who wait takes over.
        let second = try await once(id, dedupe, .wait(nil)) { lease in
            var run = run
            run.fence = lease.fencingToken
            run.attempt = 2
            self.tools.inFlight.move(run.entry, to: .queued)
            try await run.ticket.acquire()
            return try await self.limited(run, logger)
        }
        return Self.outcome(of: second)
    }

    private func once(
        _ id: String, _ dedupe: HandlerConfiguration.Dedupe, _ followers: TaskCoordinator.Followers,
        _ body: @escaping @Sendable (Lease) async throws -> Bool
    ) async throws -> TaskCoordinator.Deduplicated<Bool> {
        let mode: TaskCoordinator.Mode
        switch dedupe.mode {
        case .untilFinished: mode = .untilFinished
        case .throttle: mode = .throttle(dedupe.window, releaseOn: dedupe.releaseOn)
        case .debounce, .keepResult: return try await kept(id, dedupe, followers, body)
        }
        return try await tools.coordinator.dedupe(
            id, mode: mode, lease: dedupe.lease, followers: followers, onFailure: dedupe.failurePolicy, body)
    }

    private func kept(
        _ id: String, _ dedupe: HandlerConfiguration.Dedupe, _ followers: TaskCoordinator.Followers,
        _ body: @escaping @Sendable (Lease) async throws -> Bool
    ) async throws -> TaskCoordinator.Deduplicated<Bool> {
        let worker = tools.worker
        let outcome = try await tools.coordinator.once(
            id, lease: dedupe.lease, keepResult: dedupe.window, followers: followers, onFailure: dedupe.failurePolicy
        ) { lease in
            Completion(worker: worker, dropped: try await body(lease) ? nil : true)
        }
        switch outcome {
        case .executed(let completion, let takenOver):
            return .executed(completion.dropped != true, takenOver: takenOver)
        case .alreadyDone: return .duplicate
        case .inProgress(let owner, let left): return .inProgress(owner: owner, leaseLeft: left)
        }
    }

    private static func outcome(of outcome: TaskCoordinator.Deduplicated<Bool>) -> HandlerOutcome {
        switch outcome {
        case .executed(false, _): .limited
        case .executed(_, takenOver: false): .executed
        case .executed(_, takenOver: true): .takenOver
        case .duplicate, .inProgress: .duplicate
        }
    }
}

// MARK: - Debounce

extension HandlerRunner {
    /// An event that waits for its quiet time where all workers can find it.
    private struct Pending: Codable, Sendable {
        let channel: String
        let pattern: String?
        let json: String
    }

    private func debounced(
        _ id: String, _ dedupe: HandlerConfiguration.Dedupe, _ run: Run, _ logger: Logger
    ) async throws -> HandlerOutcome {
        // Nobody holds a slot while nothing happens.
        run.ticket.release()
        tools.inFlight.move(run.entry, to: .following)
        let pending = Pending(
            channel: run.event.channel, pattern: run.event.pattern,
            json: String(decoding: run.event.json, as: UTF8.self))
        let outcome = try await tools.coordinator.debounce(
            id, payload: pending, order: run.event.microseconds, quiet: dedupe.window, maxWait: dedupe.maxWait,
            lease: dedupe.lease,
            followers: dedupe.followers == .wait ? .wait(nil) : .skip
        ) { newest, lease in
            var run = try self.run(run, about: newest)
            run.fence = lease.fencingToken
            self.tools.inFlight.move(run.entry, to: .queued)
            try await run.ticket.acquire()
            return try await self.limited(run, logger)
        }
        switch outcome {
        case .executed(false, _): return .limited
        case .executed(_, takenOver: false): return .executed
        case .executed(_, takenOver: true): return .takenOver
        case .superseded: return .duplicate
        }
    }

    /// This run, with another worker's event when that one died before it could run it.
    private func run(_ run: Run, about newest: Pending) throws -> Run {
        guard Array(newest.json.utf8) != run.event.json else { return run }
        let event = try EventFields(
            try RawEvent(json: newest.json.utf8), channel: newest.channel, pattern: newest.pattern)
        return Run(
            event: event, fields: event.templateFields(worker: tools.worker, handler: configuration.name),
            ticket: run.ticket, entry: run.entry, attempt: 2)
    }
}

extension EventFields {
    /// When it was published: what makes an event the newest, in whatever order the fleet takes them up.
    fileprivate var microseconds: Int64 { Int64(timestamp.timeIntervalSince1970 * 1e6) }
}

extension HandlerConfiguration.Dedupe {
    fileprivate var failurePolicy: TaskCoordinator.FailurePolicy { onFailure == .remember ? .remember : .release }
}
