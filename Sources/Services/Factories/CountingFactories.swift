import Cache
import RedisCore

extension ServiceFactory {
    /// `counters`: a family of `Counters`.
    ///
    /// `name` is needed. Beside it and the connection: `prefix` (`signalbox`), `ttl` (`never`), `request_memory` (10
    /// min), `timeout` (1 s).
    public static let counters = ServiceFactory("counters") { settings in
        CounterSettings(&settings)
    } make: { settings, clients in
        settings.counters(clients)
    }

    /// `windowed_counters`: `WindowedCounters`, by minute, hour or day.
    ///
    /// `name` and `keep`, the number of buckets, are needed. Beside them, the connection and the keys of `counters`:
    /// `unit` (`minute`, or `hour`, `day`).
    public static let windowedCounters = ServiceFactory("windowed_counters") { settings in
        // How long buckets live follows from their number.
        let counters = CounterSettings(&settings, hasLife: false)
        let unit = settings.choice("unit", of: CounterUnit.allCases.map(\.rawValue), default: "minute")
        return (counters: counters, unit: unit, keep: settings.requiredInteger("keep", in: 1...4_096))
    } make: { settings, clients in
        settings.counters.counters(clients)
            .by(CounterUnit(rawValue: settings.unit) ?? .minute, keep: settings.keep)
    }

    /// `leaderboard`: a `Leaderboard<String>`.
    ///
    /// `name` is needed. Beside it and the connection: `prefix` (`signalbox`), and every field of
    /// `LeaderboardOptions`.
    public static let leaderboard = leaderboard(of: String.self, type: "leaderboard")

    /// A leaderboard whose members are of a type of yours; register it under a name of its own.
    ///
    /// As ``leaderboard``.
    public static func leaderboard<Member: Codable & Hashable & Sendable>(
        of members: Member.Type, type: String
    ) -> ServiceFactory {
        ServiceFactory(type) { settings in
            (
                redis: settings.redis(), name: settings.requiredText("name"),
                prefix: settings.text("prefix", default: RedisConfiguration().prefix),
                options: settings.leaderboardOptions()
            )
        } make: { settings, clients in
            Leaderboard<Member>(
                clients.client(settings.redis), name: settings.name, members: Member.self, prefix: settings.prefix,
                options: settings.options)
        }
    }

    /// `one_time_codes`: `OneTimeCodes`.
    ///
    /// Beside the connection: `prefix` (`signalbox`), `key` (a secret, none), and every other field of
    /// `OneTimeCodeOptions`.
    public static let oneTimeCodes = ServiceFactory("one_time_codes") { settings in
        (
            redis: settings.redis(), prefix: settings.text("prefix", default: RedisConfiguration().prefix),
            options: settings.codeOptions()
        )
    } make: { settings, clients in
        OneTimeCodes(clients.client(settings.redis), prefix: settings.prefix, options: settings.options)
    }
}

private struct CounterSettings: Sendable {
    let redis: RedisConfiguration
    let name: String
    let prefix: String
    let options: CountersOptions

    init(_ settings: inout ServiceSettings, hasLife: Bool = true) {
        var options = CountersOptions()
        redis = settings.redis()
        name = settings.requiredText("name")
        prefix = settings.text("prefix", default: RedisConfiguration().prefix)
        if hasLife { options.ttl = settings.ttl("ttl", default: options.ttl) }
        options.requestMemory = settings.duration(
            "request_memory", in: ServiceSettings.lives, default: options.requestMemory)
        options.timeout = settings.duration("timeout", in: ServiceSettings.timeouts, default: options.timeout)
        if let problem = options.problem { settings.report("cannot work: \(problem)") }
        self.options = options
    }

    func counters(_ clients: ServiceClients) -> Counters {
        Counters(clients.client(redis), name: name, prefix: prefix, options: options)
    }
}

extension ServiceSettings {
    fileprivate mutating func leaderboardOptions() -> LeaderboardOptions {
        var options = LeaderboardOptions()
        let order = choice("order", of: ["highest_first", "lowest_first"], default: "highest_first")
        options.order = order == "lowest_first" ? .lowestFirst : .highestFirst
        let ranking = choice("ranking", of: ["standard", "ordinal"], default: "standard")
        options.ranking = ranking == "ordinal" ? .ordinal : .standard
        options.period = period()
        options.keepBest = optionalInteger("keep_best", in: 1...10_000_000, default: options.keepBest)
        options.ttl = ttl("ttl", default: options.ttl)
        options.requestMemory = duration("request_memory", in: Self.lives, default: options.requestMemory)
        options.timeout = duration("timeout", in: Self.timeouts, default: options.timeout)
        if options.period != .allTime, options.ttl != .never {
            report("ttl", "has a meaning only with 'period: all_time': boards of a period end by themselves")
        } else if let problem = options.problem {
            report("cannot work: \(problem)")
        }
        return options
    }

    private mutating func period() -> LeaderboardPeriod {
        let period = choice("period", of: ["all_time", "daily", "weekly", "monthly"], default: "all_time")
        let keep = integer("keep", in: 1...400)
        switch period {
        case "daily": return keep.map { .daily(keep: $0) } ?? .daily()
        case "weekly": return keep.map { .weekly(keep: $0) } ?? .weekly()
        case "monthly": return keep.map { .monthly(keep: $0) } ?? .monthly()
        default:
            if has("keep") { report("keep", "has a meaning only with 'period: daily', 'weekly' or 'monthly'") }
            return .allTime
        }
    }

    fileprivate mutating func codeOptions() -> OneTimeCodeOptions {
        var options = OneTimeCodeOptions()
        let month = Duration.seconds(30 * 86_400)
        options.length = integer("length", in: 4...10, default: options.length)
        options.life = duration("life", in: .seconds(1)...month, default: options.life)
        options.attempts = integer("attempts", in: 1...100, default: options.attempts)
        options.minimumInterval = duration("minimum_interval", in: .zero...month, default: options.minimumInterval)
        options.maxCodes = integer("max_codes", in: 1...100, default: options.maxCodes)
        options.period = duration("period", in: .seconds(1)...month, default: options.period)
        // Not as a password: without it codes are less safe, which a variable that is not set must not decide.
        options.key = text("key").map { Secret($0) }
        options.timeout = duration("timeout", in: Self.timeouts, default: options.timeout)
        if options.minimumInterval > options.period {
            report("minimum_interval", "is longer than 'period'")
        } else if let problem = options.problem {
            report("cannot work: \(problem)")
        }
        return options
    }
}
