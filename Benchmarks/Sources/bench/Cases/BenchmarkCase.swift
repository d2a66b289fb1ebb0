import RedisCore

/// One row of the table: the same work by the floor and by the client, and the awaits that the client's needs.
struct BenchmarkCase {
    let name: String
    let summary: String
    /// Awaits that one operation needs: 1 for a GET, 1/100 in a pipeline of 100, 2 for a lock cycle.
    let awaits: Double
    /// What the client is expected to reach.
    let bar: Bar
    let floor: (Environment) throws -> any Workload
    let suspension: (Environment) -> any Workload
    let client: (Environment) throws -> any Workload

    /// Limits of the two ratios; they are shown, nothing fails.
    struct Bar {
        let throughput: Double
        let cpu: Double
    }

    static var all: [BenchmarkCase] {
        GetCase.all + [PipelineCase.case, PubSubCase.case] + LockCase.all + LimitCase.all + CycleCase.all
            + CacheCase.all + RememberCase.all + IndexCase.all + SessionCase.all
    }
}

/// Where the tasks of a case run.
enum Placement: String {
    case loop, pool

    func executor(_ environment: Environment) -> (any TaskExecutor)? {
        switch self {
        case .loop: environment.loop
        case .pool: nil
        }
    }

    func suspension(tasks: Int) -> (Environment) -> any Workload {
        { AwaitBaseline(tasks: tasks, placement: self, environment: $0) }
    }
}
