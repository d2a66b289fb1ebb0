import RedisCore
import Testing

@testable import Cache

/// Reads that renew lives are scripts, which a cluster's node refuses otherwise than the commands of other reads.
@Suite struct SlidingClusterTests {
    @Test(arguments: [RedisError.Code.crossSlot, .moved, .ask])
    func `what only a cluster says is no miss, and the error says so`(code: RedisError.Code) {
        let answer = RedisError(code, operation: "EVALSHA", message: "no", serverMessage: "NO")
        let error = CacheError.from(answer, operation: "get", key: nil) as? CacheError
        #expect(error?.code == .unavailable)
        #expect(error?.mayBeMiss == false)
        #expect(error?.message.contains("without cluster mode") == true)
    }

    @Test(arguments: [RedisError.Code.timedOut, .noPermission, .loading, .tryAgain])
    func `what may pass is a miss for those who want that`(code: RedisError.Code) {
        let answer = RedisError(code, operation: "EVALSHA", message: "no")
        let error = CacheError.from(answer, operation: "get", key: nil) as? CacheError
        #expect(error?.mayBeMiss == true)
    }
}
