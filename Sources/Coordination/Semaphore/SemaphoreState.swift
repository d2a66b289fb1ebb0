/// A semaphore as seen from outside, at one moment.
public struct SemaphoreState: Sendable, Hashable {
    /// Permits there are, by the last caller that took some; nil when nobody has for 30 days.
    public let limit: Int?
    /// Permits that are out, lapsed ones not counted.
    public let taken: Int
    /// How many have them.
    public let holders: Int
    /// The last holder's fencing token; nil when there was none.
    public let lastFence: Int64?
    /// Who waits: each waiter of a fair semaphore, and each client that has waiters of one that is not.
    public let waiting: Int

    init(_ reply: [Int], waitingProcesses: Int) {
        let numbers = reply + Array(repeating: 0, count: max(0, 5 - reply.count))
        limit = numbers[0] > 0 ? numbers[0] : nil
        taken = numbers[1]
        holders = numbers[2]
        lastFence = numbers[3] > 0 ? Int64(numbers[3]) : nil
        waiting = numbers[4] + waitingProcesses
    }
}
