import ArgumentParser
import Coordination
import RedisCore

/// `worker limit`: looks into rate limits, and gives a key its calls back.
struct LimitCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "limit",
        abstract: "Shows what a key has left of a rate limit; resets it.",
        discussion: """
            A limiter is known by its name for an hour after it decided last.
            Example:    worker limit show api user:7
                        worker limit reset api user:7 --yes
            """,
        subcommands: [LimitShowCommand.self, LimitResetCommand.self])
}

/// What names one key of one limiter.
struct LimitTarget: ParsableArguments {
    @OptionGroup var admin: AdminOptions
    @Argument(help: "The limiter's name.") var name: String
    @Argument(help: "Who is limited, as the program names it.") var key: String

    /// The limiters of that name; several when programs disagree about the rules.
    func limiters(_ redis: RedisClient) async throws -> [RateLimiter] {
        let limiters = try await RateLimiter.announced(redis, name: name)
        guard !limiters.isEmpty else {
            throw Failure(
                .usage, "no limiter named '\(name)' has decided anything within the hour (prefix '\(admin.prefix)')")
        }
        return limiters
    }
}

struct LimitShowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Shows what is left for a key; counts nothing.",
        discussion: "Example:    worker limit show api user:7 --json | jq '.rules[0].remaining'")

    @OptionGroup var target: LimitTarget

    func run() async throws {
        try await target.admin.withClient { redis in
            for limiter in try await target.limiters(redis) {
                let statuses = try await limiter.peek(target.key).statuses
                var table = TextTable("RULE", "ALGORITHM", "LIMIT", "REMAINING", "MORE IN")
                for status in statuses {
                    table.add(
                        status.rule.name, status.rule.algorithm.text, "\(status.rule.limit)", "\(status.remaining)",
                        status.resetAfter == .zero ? "" : status.resetAfter.brief)
                }
                target.admin.print(
                    table.text(.output),
                    .object([
                        "name": .string(target.name), "key": .string(target.key),
                        "rules": .array(statuses.map(\.json)),
                    ]))
            }
        }
    }
}

struct LimitResetCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reset", abstract: "Forgets what a key has used.",
        discussion: """
            Processes that know of a refusal keep to it until it is over.
            Example:    worker limit reset api user:7 --yes
            """)

    @OptionGroup var target: LimitTarget
    @OptionGroup var confirmation: Confirmation

    func run() async throws {
        try confirmation.demand("Give \(target.key) all calls of \(target.name) back")
        try await target.admin.withClient { redis in
            var found = false
            for limiter in try await target.limiters(redis) where try await limiter.reset(target.key) { found = true }
            target.admin.print(
                found ? "reset" : "nothing was counted for this key",
                .object(["name": .string(target.name), "key": .string(target.key), "reset": .bool(found)]))
        }
    }
}

extension RateLimitVerdict.Status {
    var json: JSONValue {
        .object([
            "rule": .string(rule.name), "algorithm": .string(rule.algorithm.text), "limit": .optional(rule.limit),
            "windowSeconds": .rounded(rule.window.inSeconds), "remaining": .optional(remaining),
            "resetAfterSeconds": .rounded(resetAfter.inSeconds),
        ])
    }
}

extension RateLimit.Algorithm {
    /// As in the worker's configuration.
    var text: String {
        switch self {
        case .automatic: "automatic"
        case .slidingWindowLog: "slidingWindowLog"
        case .slidingWindowBuckets(let count): "slidingWindowBuckets(\(count))"
        case .tokenBucket(let burst): "tokenBucket(burst \(burst))"
        case .fixedWindow: "fixedWindow"
        }
    }
}

extension Duration {
    /// For tables: `4.2s`, `12m`, with the precision that a person wants.
    var brief: String {
        let seconds = inSeconds
        switch seconds {
        case ..<0.001: return "0s"
        case ..<10: return "\((seconds * 10).rounded(.up) / 10)s"
        case ..<120: return "\(Int(seconds.rounded(.up)))s"
        case ..<7_200: return "\(Int((seconds / 60).rounded(.up)))m"
        default: return "\(Int((seconds / 3_600).rounded(.up)))h"
        }
    }
}
