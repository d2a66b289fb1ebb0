import Synchronization

/// What the worker is doing right now: every event that a handler has accepted and not finished.
final class InFlight: Sendable {
    /// Where one run stands.
    enum Phase: Sendable, Equatable {
        case queued
        /// Another worker runs it; this one waits for the outcome.
        case following
        case waitingForLock
        case waitingForLimit
        case running(processID: Int32?)
    }

    /// One run.
    struct Entry: Sendable {
        let handler: String
        let type: String
        let id: String?
        let channel: String
        var phase = Phase.queued
        var since = ContinuousClock.now
    }

    private struct State {
        var entries: [Int: Entry] = [:]
        var nextKey = 0
    }

    private let state = Mutex(State())

    func begin(_ entry: Entry) -> Int {
        state.withLock { state in
            state.nextKey += 1
            state.entries[state.nextKey] = entry
            return state.nextKey
        }
    }

    func move(_ key: Int, to phase: Phase) {
        state.withLock { state in
            state.entries[key]?.phase = phase
            state.entries[key]?.since = .now
        }
    }

    func end(_ key: Int) { state.withLock { _ = $0.entries.removeValue(forKey: key) } }

    var count: Int { state.withLock { $0.entries.count } }

    var entries: [Entry] {
        state.withLock { $0.entries.sorted { $0.key < $1.key }.map(\.value) }
    }
}

extension InFlight {
    /// What SIGTTIN prints: totals, then one line for each run that is past the queue.
    static func report(_ entries: [Entry], now: ContinuousClock.Instant = .now) -> String {
        func count(_ isIncluded: (Phase) -> Bool) -> Int { entries.count { isIncluded($0.phase) } }
        let running = entries.filter { if case .running = $0.phase { true } else { false } }
        var lines = [
            "\(running.count) running, \(count { $0 == .waitingForLock }) waiting for a lock, "
                + "\(count { $0 == .waitingForLimit }) waiting for the rate limit, "
                + "\(count { $0 == .following }) following another worker, \(count { $0 == .queued }) queued"
        ]
        for entry in entries where entry.phase != .queued {
            let seconds = Double((now - entry.since).wholeMilliseconds) / 1_000
            var line = "  \(entry.handler): \(LogText.clean(entry.type))"
            if let id = entry.id { line += " \(LogText.clean(id))" }
            line += " from \(LogText.clean(entry.channel)), "
            switch entry.phase {
            case .queued: line += "queued"
            case .following: line += "following another worker"
            case .waitingForLock: line += "waiting for a lock"
            case .waitingForLimit: line += "waiting for the rate limit"
            case .running(nil): line += "running"
            case .running(let processID?): line += "running as process \(processID)"
            }
            lines.append(line + " for \(seconds) s")
        }
        return lines.joined(separator: "\n")
    }
}
