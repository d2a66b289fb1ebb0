import ArgumentParser

/// Events per second or minute, written `200/s` or `30/m`.
struct PublishRate: ExpressibleByArgument, Equatable {
    let count: Int
    let period: Duration

    init?(argument: String) {
        let parts = argument.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, parts[0].allSatisfy({ $0.isASCII && $0.isNumber }), let count = Int(parts[0]),
            (1...10_000_000).contains(count)
        else { return nil }
        switch parts[1] {
        case "s": period = .seconds(1)
        case "m": period = .seconds(60)
        default: return nil
        }
        self.count = count
    }

    /// When event number `index` (from 0) is due after the start.
    func due(_ index: Int) -> Duration { period * (Double(index) / Double(count)) }

    /// Events to send at once so that a batch is due about every 50 ms.
    var batch: Int { min(100, max(1, Int(Duration.milliseconds(50) / period * Double(count)))) }
}
