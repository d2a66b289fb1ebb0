import Coordination

/// What `worker run` runs: the checked content of a configuration file.
struct WorkerConfiguration: Sendable, Equatable {
    /// nil or empty: the environment decides, then an embedded server.
    var redisURL: String?
    /// What is done about a server that is not fit for locks and claims.
    var checks = CoordinationChecks.Policy.warn
    var worker = Settings()
    var handlers: [HandlerConfiguration] = []

    /// The `worker:` section.
    struct Settings: Sendable, Equatable {
        var name = "worker"
        /// Handlers that run at the same time, all together.
        var concurrency = 32
        /// How long running handlers may go on after the first SIGTERM.
        var drainTimeout = Duration.seconds(25)
        /// Where the embedded server keeps its data; nil picks a folder by the environment.
        var stateDirectory: String?
        /// Events held in memory, about; an eighth of them at a time may wait for a slot, a lock or another worker.
        var queue = 10_000
    }
}

/// One entry of `handlers:`.
struct HandlerConfiguration: Sendable, Equatable {
    var name: String
    var source: Source
    var types: TypeFilter
    var action: Action
    /// Limit for one run of the action.
    var timeout = Duration.seconds(300)
    var dedupe: Dedupe?
    var lock: Lock?
    var rateLimit: Limit?
    /// Runs of this handler at the same time; nil: only the worker's limit.
    var concurrency: Int?
    /// Variables for the program, templates allowed in the values.
    var environment: [String: EventTemplate] = [:]

    /// Where events come from.
    enum Source: Sendable, Hashable {
        case channel(String)
        case pattern(String)

        var name: String {
            switch self {
            case .channel(let name), .pattern(let name): name
            }
        }
    }

    /// What is done with an event.
    enum Action: Sendable, Equatable {
        /// A program and its arguments.
        case run([String])
        /// Forward; without a payload the original one goes on.
        case publish(channel: EventTemplate, type: EventTemplate?, payload: EventTemplate?)
        case log(message: EventTemplate, level: String)
    }

    /// At most one worker of the fleet handles events of the same key, for as long as the mode says.
    struct Dedupe: Sendable, Equatable {
        var key: EventTemplate
        var mode = Mode.keepResult
        /// From the run's end (keepResult), from the claim (throttle), or the quiet time (debounce).
        var window = Duration.seconds(3_600)
        /// The longest time from the first event of a burst to its run (debounce); nil for no limit.
        var maxWait: Duration?
        /// What ends the refusal of duplicates (throttle).
        var releaseOn = TaskCoordinator.ReleaseOn.windowEnd
        /// How long a worker that died keeps the others from taking over.
        var lease = Duration.seconds(30)
        var onFailure = FailurePolicy.release
        var followers = Followers.wait

        enum Mode: String, Sendable, CaseIterable { case untilFinished, throttle, debounce, keepResult }
        enum FailurePolicy: String, Sendable, CaseIterable { case release, remember }
        /// What the other workers do with an event that one of them is at.
        enum Followers: String, Sendable, CaseIterable { case wait, skip }
    }

    /// Runs of events with the same lock name exclude each other across the fleet.
    struct Lock: Sendable, Equatable {
        var name: EventTemplate
        var ttl = Duration.seconds(30)
        var wait = Duration.seconds(60)
    }
}

/// Which event types a handler wants: names or globs; empty means every type.
struct TypeFilter: Sendable, Equatable {
    var globs: [Glob] = []

    func matches(_ type: String) -> Bool { globs.isEmpty || globs.contains { $0.matches(type) } }
}
