/// Something the loop visits once when other threads have left work for it.
protocol LoopVisitor: AnyObject, Sendable {
    /// Called on the loop, before it polls.
    func visit()
}

/// What other threads hand to the loop.
///
/// Guarded by the loop's one inbox mutex.
struct LoopInbox {
    /// One thing to do on the loop, in the order it arrived.
    enum Work {
        case job(UnownedJob)
        case visit(any LoopVisitor)
        case closure(@Sendable () -> Void)
    }

    private(set) var work: [Work] = []
    /// True from the moment the loop found the inbox empty until somebody wakes it.
    private var isAsleep = false
    private(set) var isClosed = false

    /// Adds work; true when the caller must wake the loop, which is once per sleep and not once per caller.
    mutating func append(_ item: Work) -> Bool {
        work.append(item)
        let mustWake = isAsleep
        isAsleep = false
        return mustWake
    }

    /// Swaps the work out against an empty array of the loop's; when there is none the loop is noted as asleep.
    mutating func take(into spare: inout [Work]) {
        if work.isEmpty {
            isAsleep = true
        } else {
            swap(&work, &spare)
        }
    }

    /// The loop is running again for another reason: nobody needs to wake it.
    mutating func noteAwake() { isAsleep = false }

    /// No work is accepted any more.
    mutating func close() { isClosed = true }
}
