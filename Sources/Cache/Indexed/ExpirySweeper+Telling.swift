import Logging
import Metrics
import RedisCore
import Synchronization

extension ExpirySweeper {
    /// Runs the handler for each, some at once, while the lease of all is renewed; how many were acknowledged.
    func tell(_ entries: [ExpiredEntry], _ rest: Rest) async -> Int {
        guard !entries.isEmpty else { return 0 }
        let held = HeldExpiries(entries)
        let renewal = Task { await renew(held) }
        let handled = await withTaskGroup(of: Bool?.self) { group in
            var handled = 0
            var waiting = entries[...]
            var running = 0
            // nil: stopped, or cancelled.
            group.addTask {
                for await _ in rest.untilStopped() {}
                return nil
            }
            while true {
                if rest.isStopped || Task.isCancelled, !waiting.isEmpty {
                    // Somebody else shall have them at once, not when the last running handler returned.
                    await held.remove(Array(waiting))?.value
                    await self.hold(Array(waiting), for: .zero, areTold: false)
                    waiting = []
                }
                while running < options.concurrency, let entry = waiting.popFirst() {
                    running += 1
                    group.addTask { await self.tell(entry, held) }
                }
                guard running > 0, let result = await group.next() else { break }
                guard let isDone = result else { continue }
                running -= 1
                if isDone { handled += 1 }
            }
            group.cancelAll()
            return handled
        }
        renewal.cancel()
        await renewal.value
        return handled
    }

    private func tell(_ entry: ExpiredEntry, _ held: HeldExpiries) async -> Bool {
        do {
            try await HandlerLimit(limit: options.handlerTimeout).run { [handler] in try await handler(entry) }
            _ = held.remove([entry])
            guard await acknowledge(entry) else { return false }
            cache.engine.metrics.indexed.told.increment()
            return true
        } catch let rejection as ExpiryRejection {
            _ = held.remove([entry])
            guard await acknowledge(entry) else { return false }
            cache.engine.metrics.indexed.rejected.increment()
            cache.engine.logger.error(
                "an expiry was rejected by its handler; it is not told again",
                metadata: ["namespace": "\(cache.namespace)", "attempt": "\(entry.attempt)", "reason": "\(rejection)"])
            return true
        } catch {
            await held.remove([entry])?.value
            // Told to stop is no failure: it is given back at once.
            let isCancelled = Task.isCancelled
            await hold([entry], for: isCancelled ? .zero : options.retry(after: entry.attempt))
            if !isCancelled {
                cache.engine.metrics.indexed.failed.increment()
                cache.engine.logger.warning(
                    "expiry handler failed; it is tried again",
                    metadata: ["namespace": "\(cache.namespace)", "attempt": "\(entry.attempt)", "error": "\(error)"])
            }
            return false
        }
    }

    private func renew(_ held: HeldExpiries) async {
        while !Task.isCancelled {
            try? await ContinuousClock().sleep(for: options.lease / 3)
            guard !Task.isCancelled else { return }
            guard let renewal = held.renew({ await self.hold($0, for: self.options.lease) }) else { return }
            await renewal.value
        }
    }

    // What was done must be said although the caller may be cancelled: a task of its own, which ends with the time-out.

    /// False when it may be told again.
    private func acknowledge(_ entry: ExpiredEntry) async -> Bool {
        await Task {
            await quietly("acknowledge") { redis throws(RedisError) in
                let _: Int = try await redis.evaluate(
                    ExpiryScripts.acknowledge, keys: cache.keys.expiry, arguments: [cache.keys.root, entry.event],
                    timeout: cache.options.timeout)
            }
        }.value
    }

    private func hold(_ entries: [ExpiredEntry], for time: Duration, areTold: Bool = true) async {
        let milliseconds = time.nanoseconds / 1_000_000
        let parts = entries.flatMap { entry in
            // This claim, and all before it that were no attempts.
            let untold = areTold ? "" : "\(entry.claim - entry.attempt + 1)"
            return [entry.event, "\(entry.claim)", untold] as [any RedisArgument]
        }
        _ = await Task {
            await quietly("hold") { redis throws(RedisError) in
                let _: Int = try await redis.evaluate(
                    ExpiryScripts.hold, keys: cache.keys.expiry,
                    arguments: [cache.keys.root, milliseconds] + parts, timeout: cache.options.timeout)
            }
        }.value
    }

    /// False when it failed, which costs a second call of the handler, no more.
    private func quietly(_ operation: String, _ body: (RedisClient) async throws(RedisError) -> Void) async -> Bool {
        do {
            try await cache.engine.call(operation, key: cache.keys.expired.name, body)
            return true
        } catch {
            cache.engine.logger.info(
                "expiry sweeper: an end may be told twice",
                metadata: ["operation": "\(operation)", "error": "\(error)"])
            return false
        }
    }
}
