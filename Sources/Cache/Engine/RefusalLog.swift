import RedisCore

/// Which operations the server refuses lately, and why, so that each is said once: when it begins and when it is over.
///
/// A rule may forbid some keys only, so that refusals and successes take turns: a success is the end of it only when
/// nothing was refused for a while. Pure.
struct RefusalLog: Sendable {
    private struct Subject: Hashable {
        let operation: String
        let code: RedisError.Code
    }

    /// For so long nothing was refused before a success is the end of it.
    var calm = Duration.seconds(10)
    /// What is not tried any more is forgotten after so many times that.
    private static let forgotten = 30
    private var latest: [Subject: Moment] = [:]

    var isEmpty: Bool { latest.isEmpty }

    /// True when that is news.
    mutating func refused(_ operation: String, _ code: RedisError.Code, _ now: Moment) -> Bool {
        latest.updateValue(now, forKey: Subject(operation: operation, code: code)) == nil
    }

    /// True when the operation was refused, and is no more.
    mutating func answered(_ operation: String, _ now: Moment) -> Bool {
        var isOver = false
        for (subject, moment) in latest where now - moment >= calm {
            if subject.operation == operation {
                isOver = true
                latest[subject] = nil
            } else if now - moment >= calm * Self.forgotten {
                latest[subject] = nil
            }
        }
        return isOver && !latest.keys.contains { $0.operation == operation }
    }
}
