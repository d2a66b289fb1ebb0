import RedisCore

/// `pipeline.100x8`: 8 tasks, each sending pipelines of 100 GETs; an operation is one GET.
enum PipelineCase {
    private static let length = 100
    private static let tasks = 8

    static var `case`: BenchmarkCase {
        BenchmarkCase(
            name: "pipeline.100x8", summary: "GET of 64 bytes in pipelines of 100, 8 tasks in the pool",
            awaits: 1 / Double(length), bar: .init(throughput: 0.6, cpu: 1.5),
            floor: { try PipelineFloor.make(port: $0.port, length: length, outstanding: tasks) },
            suspension: Placement.pool.suspension(tasks: tasks),
            client: { environment in
                let redis = environment.redis
                return TaskWorkload(tasks: tasks, executor: nil, stepSize: length) { run in
                    while run.next() {
                        var pipeline = RedisPipeline(expecting: length)
                        for _ in 0..<length { pipeline.get(RedisKey(Dataset.key)) }
                        let replies = try await redis.pipeline(pipeline)
                        guard replies.count == length, case .success(.bytes(let value)) = replies[length - 1],
                            value.count == Dataset.size
                        else { throw BenchmarkError("pipeline: an unexpected reply") }
                    }
                }
            })
    }
}
