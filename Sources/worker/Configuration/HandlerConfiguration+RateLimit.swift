import ConfigurationFiles
import Coordination
import RedisCore
import Yams

extension HandlerConfiguration {
    /// How often the fleet runs a handler; events of one key count together.
    struct Limit: Sendable, Equatable {
        var rule: RateLimit
        /// nil: all events of the handler count together.
        var key: EventTemplate?
        var excess = Excess.wait

        /// What becomes of an event that is not admitted.
        enum Excess: String, Sendable, CaseIterable {
            /// It waits, at most for the handler's timeout, without using a slot.
            case wait
            /// It is counted, logged and forgotten.
            case drop
        }
    }
}

extension HandlerConfiguration.Limit {
    private static let keys = ["limit", "window", "algorithm", "burst", "buckets", "key", "excess"]
    private static let algorithms = [
        "automatic", "slidingWindowLog", "slidingWindowBuckets", "tokenBucket", "fixedWindow",
    ]

    init?(_ node: Node, _ key: String, _ reader: inout ConfigurationReader) {
        guard let section = reader.section(node, key, known: Self.keys) else { return nil }
        let template = section.values["key"].flatMap {
            HandlerConfiguration.template($0, section.path("key"), &reader)
        }
        let excess = section.values["excess"].flatMap {
            reader.choice($0, section.path("excess"), of: Excess.allCases.map(\.rawValue))
        }
        let limit = HandlerConfiguration.required("limit", section, &reader).flatMap {
            reader.integer($0, section.path("limit"), in: 1...1_000_000_000)
        }
        let window = HandlerConfiguration.required("window", section, &reader).flatMap {
            reader.duration($0, section.path("window"), in: .milliseconds(1) ... .seconds(366 * 86_400))
        }
        guard let algorithm = Self.algorithm(section, &reader), let limit, let window else { return nil }
        do throws(CoordinationError) {
            self.init(rule: try RateLimit(limit, per: window, algorithm: algorithm), key: template)
        } catch {
            reader.report(node, key, "cannot work: \(error.message)")
            return nil
        }
        if let excess { self.excess = Excess(rawValue: excess) ?? self.excess }
    }

    private static func algorithm(
        _ section: ConfigurationReader.Section, _ reader: inout ConfigurationReader
    ) -> RateLimit.Algorithm? {
        var name: String? = "automatic"
        if let node = section.values["algorithm"] {
            name = reader.choice(node, section.path("algorithm"), of: algorithms)
        }
        let burst = section.values["burst"].flatMap {
            reader.integer($0, section.path("burst"), in: 1...1_000_000_000)
        }
        let buckets = section.values["buckets"].flatMap {
            reader.integer($0, section.path("buckets"), in: 2...1_000)
        }
        if let node = section.values["burst"], name != "tokenBucket" {
            reader.report(node, section.path("burst"), "has a meaning only with 'algorithm: tokenBucket'")
        }
        if let node = section.values["buckets"], name != "slidingWindowBuckets" {
            reader.report(node, section.path("buckets"), "has a meaning only with 'algorithm: slidingWindowBuckets'")
        }
        switch name {
        case "automatic": return .automatic
        case "slidingWindowLog": return .slidingWindowLog
        case "slidingWindowBuckets": return .slidingWindowBuckets(count: buckets ?? 60)
        case "fixedWindow": return .fixedWindow
        case "tokenBucket":
            if section.values["burst"] == nil {
                reader.report(section.node, section.path("burst"), "is missing: a token bucket needs its size")
            }
            return burst.map { .tokenBucket(burst: $0) }
        default: return nil
        }
    }

    /// For `--check`.
    var description: String {
        let algorithm =
            switch rule.algorithm {
            case .automatic, .slidingWindowLog: "slidingWindowLog"
            case .slidingWindowBuckets(let count): "slidingWindowBuckets of \(count)"
            case .tokenBucket(let burst): "tokenBucket of \(burst)"
            case .fixedWindow: "fixedWindow"
            }
        return "\(rule.limit) in \(DurationText.text(rule.window)), \(algorithm), "
            + "\(key.map { "key \($0.source)" } ?? "all events together"), excess \(excess.rawValue)"
    }
}
