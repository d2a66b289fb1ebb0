public import Cache

extension ServiceSettings {
    /// Lives of values.
    static let lives: ClosedRange<Duration> = .milliseconds(1) ... .seconds(3_650 * 86_400)
    static let valueBytes = 1...512 << 20

    /// A time to live: a duration of 1 ms to ten years, a plain number being seconds, or `never`.
    public mutating func ttl(_ key: String, default value: CacheTTL) -> CacheTTL {
        let usual: Duration? = if case .after(let life) = value { life } else { nil }
        return optionalDuration(key, in: Self.lives, default: usual, orWord: "never").map { .after($0) } ?? .never
    }

    /// Every field of ``CacheOptions``, each by its name: `default_ttl`, `serializer`, `schema`, `readable_schemas`,
    /// `compression`, `max_value_bytes`, `timeout`, `on_failure`, `longest_tag_life`, `remember`, `near`, `sliding`.
    ///
    /// - Parameter usual: What holds for keys that are missing.
    public mutating func cacheOptions(_ usual: CacheOptions = CacheOptions()) -> CacheOptions {
        var options = valueOptions(usual)
        options.longestTagLife = duration(
            "longest_tag_life", in: .seconds(1)...Self.lives.upperBound, default: usual.longestTagLife)
        options.remember = section("remember") { $0.rememberOptions(usual.remember) }
        options.near = switched("near", default: usual.near != nil) {
            $0.nearOptions(usual.near ?? NearCacheOptions())
        }
        let sliding = optionalSection("sliding") { section in
            SlidingExpiry(
                idle: section.requiredDuration("idle", in: Self.lives),
                upTo: section.requiredDuration("up_to", in: Self.lives))
        }
        options.sliding = sliding ?? usual.sliding
        if let problem = options.problem { report("cannot work: \(problem)") }
        return options
    }

    /// The fields of ``CacheOptions`` that are about single values and calls.
    mutating func valueOptions(_ usual: CacheOptions) -> CacheOptions {
        var options = usual
        options.defaultTTL = ttl("default_ttl", default: usual.defaultTTL)
        options.serializer = serializer(usual.serializer)
        options.schema = UInt16(integer("schema", in: Self.schemas, default: Int(usual.schema)))
        options.readableSchemas = readableSchemas() ?? usual.readableSchemas
        options.compression = compression(usual.compression)
        options.maxValueBytes = bytes("max_value_bytes", in: Self.valueBytes, default: usual.maxValueBytes)
        options.timeout = duration("timeout", in: Self.timeouts, default: usual.timeout)
        let failure = choice("on_failure", of: ["open", "closed"], default: usual.failure == .open ? "open" : "closed")
        options.failure = failure == "open" ? .open : .closed
        return options
    }

    private static let schemas = 0...Int(UInt16.max)

    mutating func serializer(_ usual: any CacheSerializer) -> any CacheSerializer {
        switch choice("serializer", of: ["json", "string"], default: "json") {
        case "string": .string
        default: has("serializer") ? .json : usual
        }
    }

    private mutating func readableSchemas() -> ClosedRange<UInt16>? {
        optionalSection("readable_schemas") { section in
            let first = section.requiredInteger("from", in: Self.schemas)
            let last = section.requiredInteger("to", in: Self.schemas)
            if first > last, section.has("to") {
                section.report("to", "is \(last), less than 'from', which is \(first)")
            }
            return UInt16(min(first, last))...UInt16(max(first, last))
        }
    }

    mutating func compression(_ usual: CacheCompression) -> CacheCompression {
        let threshold = usual.threshold ?? CacheCompression.default.threshold ?? 0
        return switched("compression", default: usual.threshold != nil) { section in
            CacheCompression(
                threshold: section.bytes("threshold", in: 0...512 << 20, default: threshold),
                level: section.integer("level", in: 1...19, default: usual.level))
        } ?? .off
    }

    mutating func nearOptions(_ usual: NearCacheOptions) -> NearCacheOptions {
        var options = usual
        let ages: ClosedRange<Duration> = .milliseconds(1) ... .seconds(86_400)
        options.entries = integer("entries", in: 1...100_000_000, default: usual.entries)
        options.bytes = bytes("bytes", in: 1 << 10...1 << 40, default: usual.bytes)
        options.maxAge = duration("max_age", in: ages, default: usual.maxAge)
        let fallback = choice("on_unavailable", of: ["backplane", "off"], default: "backplane")
        let age = duration("backplane_max_age", in: ages, default: .seconds(10))
        if fallback == "off", has("backplane_max_age") {
            report("backplane_max_age", "has a meaning only with 'on_unavailable: backplane'")
        }
        if has("on_unavailable") || has("backplane_max_age") {
            options.onUnavailable = fallback == "off" ? .off : .backplane(maxAge: age)
        }
        return options
    }
}

extension ServiceSettings {
    /// Every field of ``RememberOptions``.
    mutating func rememberOptions(_ usual: RememberOptions) -> RememberOptions {
        var options = usual
        options.negativeTTL = optionalDuration("negative_ttl", in: Self.lives, default: usual.negativeTTL)
        options.jitter = number("jitter", in: 0...1, default: usual.jitter)
        let early = switched("early", default: true) { $0.earlyRefresh() } ?? .off
        options.early = has("early") ? early : usual.early
        options.failSafe = switched("fail_safe", default: usual.failSafe != nil) { section in
            let usual = usual.failSafe ?? RememberOptions.FailSafe()
            return RememberOptions.FailSafe(
                maxStale: section.duration("max_stale", in: Self.lives, default: usual.maxStale),
                throttle: section.duration("throttle", in: Self.lives, default: usual.throttle))
        }
        options.softTimeout = optionalDuration("soft_timeout", in: Self.lives, default: usual.softTimeout)
        options.hardTimeout = optionalDuration("hard_timeout", in: Self.lives, default: usual.hardTimeout)
        options.loadLease = duration("load_lease", in: Self.lives, default: usual.loadLease)
        options.acrossProcesses = flag("across_processes", default: usual.acrossProcesses)
        options.waitForOthers = duration("wait_for_others", in: Self.lives, default: usual.waitForOthers)
        options.failurePause = duration(
            "failure_pause", in: .zero...Self.lives.upperBound, default: usual.failurePause)
        return options
    }

    private mutating func earlyRefresh() -> RememberOptions.EarlyRefresh {
        let share = number("threshold", form: "more than 0, less than 1", default: 0.8) { $0 > 0 && $0 < 1 }
        let beta = number("beta", form: "more than 0", default: nil) { $0 > 0 }
        if has("threshold"), has("beta") { report("beta", "means another way than 'threshold'; give one of them") }
        if let beta { return .probabilistic(beta: beta) }
        return .threshold(share ?? 0.8)
    }
}
