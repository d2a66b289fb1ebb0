import DequeModule

/// Decides which job runs next: a bounded window of jobs, at most `concurrency` lanes, and order within each key.
///
/// A lane is a task that takes one job after the other and ends when there is none. The machine holds no task, lock or
/// clock; its owner starts as many lanes as it is told to.
struct DispatchMachine<Job: Sendable>: ~Copyable {
    /// A job and the key it occupies while it runs.
    struct Assignment: Sendable {
        var job: Job
        var key: String?
    }

    /// What a lane does next, and whether the receiver has waited long enough.
    struct LaneStep: Sendable {
        /// nil ends the lane.
        var assignment: Assignment?
        var wakesReceiver = false
    }

    /// What the receiver may do.
    enum ReceiverStep: Equatable {
        /// Take at most this many jobs more.
        case receive(limit: Int)
        /// Wait until a lane step wakes it.
        case wait
        /// Take nothing any more.
        case stop
    }

    private let concurrency: Int
    private let window: Int
    private var ready: Deque<Assignment> = []
    /// Keys with a job that is ready or running, and the jobs that must wait for it.
    private var busyKeys: [String: Deque<Job>] = [:]
    private var waitingCount = 0
    private var lanes = 0
    /// Lanes that were asked for and have not taken their first job.
    private var startingLanes = 0
    private var receiverWaits = false
    private var isStopped = false
    /// Jobs that were given up, in their order of arrival as far as there is one.
    private(set) var forgotten: [Job] = []

    init(concurrency: Int, window: Int) {
        self.concurrency = concurrency
        self.window = window
    }

    /// Jobs that no lane has taken.
    var queued: Int { ready.count + waitingCount }

    /// Lanes that have not ended.
    var activeLanes: Int { lanes }

    /// The receiver asks for permission.
    mutating func receiverStep() -> ReceiverStep {
        if isStopped { return .stop }
        if queued < window { return .receive(limit: window - queued) }
        receiverWaits = true
        return .wait
    }

    /// Queues jobs in their order of arrival; returns how many lanes to start.
    mutating func admit(_ jobs: some Sequence<Assignment>) -> Int {
        if isStopped {
            forgotten += jobs.map(\.job)
            return 0
        }
        for job in jobs {
            if let key = job.key, busyKeys[key] != nil {
                busyKeys[key]?.append(job.job)
                waitingCount += 1
            } else {
                if let key = job.key { busyKeys[key] = [] }
                ready.append(job)
            }
        }
        let needed = max(0, min(ready.count - startingLanes, concurrency - lanes))
        lanes += needed
        startingLanes += needed
        return needed
    }

    /// A lane that was started asks for its first job.
    mutating func laneStarted() -> LaneStep {
        startingLanes -= 1
        return next()
    }

    /// A lane has done its job and asks for another.
    mutating func laneFinished(key: String?) -> LaneStep {
        if let key { release(key) }
        return next()
    }

    /// Gives up all queued jobs and lets every lane end after its job; returns whether to wake the receiver.
    mutating func stop() -> Bool {
        isStopped = true
        forgotten += ready.map(\.job)
        for waiting in busyKeys.values { forgotten += waiting }
        ready.removeAll()
        busyKeys.removeAll()
        waitingCount = 0
        return takeReceiver()
    }

    private mutating func release(_ key: String) {
        guard var waiting = busyKeys.removeValue(forKey: key) else { return }
        if let job = waiting.popFirst() {
            waitingCount -= 1
            // To the end of the queue, so that one busy key does not keep the others waiting.
            ready.append(Assignment(job: job, key: key))
            busyKeys[key] = waiting
        }
    }

    private mutating func next() -> LaneStep {
        let assignment = ready.popFirst()
        if assignment == nil { lanes -= 1 }
        // Half a window at a time, so that a full queue does not cost a wake-up for each event.
        let wakes = queued <= window / 2 && takeReceiver()
        return LaneStep(assignment: assignment, wakesReceiver: wakes)
    }

    private mutating func takeReceiver() -> Bool {
        defer { receiverWaits = false }
        return receiverWaits
    }
}
