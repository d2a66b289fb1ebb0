import EventBus

/// Decides which handlers get an event: by the subscription it came through and by its type.
///
/// Redis delivers a message once for its channel and once for each pattern that matches. A handler listens to exactly
/// one of these, so it gets each message once.
struct EventRouter: Sendable {
    private let byChannel: [String: [HandlerRunner]]
    private let byPattern: [String: [HandlerRunner]]

    init(_ runners: [HandlerRunner]) {
        var byChannel: [String: [HandlerRunner]] = [:]
        var byPattern: [String: [HandlerRunner]] = [:]
        for runner in runners {
            switch runner.configuration.source {
            case .channel(let name): byChannel[name, default: []].append(runner)
            case .pattern(let name): byPattern[name, default: []].append(runner)
            }
        }
        self.byChannel = byChannel
        self.byPattern = byPattern
    }

    var channels: [String] { byChannel.keys.sorted() }
    var patterns: [String] { byPattern.keys.sorted() }

    func runners(type: String, channel: String, pattern: String?) -> [HandlerRunner] {
        let listening = pattern.map { byPattern[$0] ?? [] } ?? byChannel[channel] ?? []
        return listening.filter { $0.configuration.types.matches(type) }
    }

    /// Gives the event to every handler that wants it, side by side; returns when all are done with it.
    func dispatch(_ event: RawEvent, channel: String, pattern: String?) async {
        let runners = runners(type: event.type, channel: channel, pattern: pattern)
        if runners.count == 1, let runner = runners.first {
            return await runner.handle(event, channel: channel, pattern: pattern)
        }
        await withDiscardingTaskGroup { group in
            for runner in runners {
                group.addTask { await runner.handle(event, channel: channel, pattern: pattern) }
            }
        }
    }
}
