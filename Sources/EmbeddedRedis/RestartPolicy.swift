/// Decides what follows a server's death: a pure value that is told how long the server had lived.
struct RestartPolicy {
    enum Action: Equatable {
        case restart(after: Duration)
        case giveUp
    }

    /// A server that lived this long was well; its death starts a new count.
    static let stableAfter = Duration.seconds(10)
    /// This many deaths in a row, each sooner than ``stableAfter``, end the attempts.
    static let quickDeathLimit = 5
    static let firstDelay = Duration.milliseconds(50)
    static let longestDelay = Duration.seconds(2)

    private(set) var quickDeaths = 0

    mutating func serverDied(after uptime: Duration) -> Action {
        quickDeaths = uptime >= Self.stableAfter ? 1 : quickDeaths + 1
        guard quickDeaths < Self.quickDeathLimit else { return .giveUp }
        let delay = Self.firstDelay * (1 << (quickDeaths - 1))
        return .restart(after: min(delay, Self.longestDelay))
    }
}
