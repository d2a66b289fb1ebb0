import TestSupport

/// What the processes fight for.
enum TortureMode: String, CaseIterable, Sendable {
    case lock
    case fair
    case readWrite

    /// What its history has to be one of.
    var model: HistoryChecker.Model { self == .readWrite ? .readWrite : .fencedMutex }
    /// The key that stands for it.
    var key: String {
        switch self {
        case .lock: "signalbox:lock:{fight}"
        case .fair: "signalbox:fair:{fight}"
        case .readWrite: "signalbox:rw:{fight}"
        }
    }
}

/// A `lock-torture` process.
typealias Fighter = TortureProcess<HistoryEvent>

extension Fighter {
    convenience init(_ server: RedisServer, number: Int, ttl: Duration, mode: TortureMode = .lock) throws {
        try self.init("lock-torture", server, number: number) { history in
            ["fight", "\(Int(ttl / .milliseconds(1)))", history, mode.rawValue]
        }
    }
}
