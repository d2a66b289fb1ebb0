import RedisCore
import TestSupport
import Testing

@testable import Cache

/// The module's own scripts on a real server, with the time in the test's hand instead of the server's.
///
/// Keys still end by the server's clock; take windows of a minute and more.
struct ScriptClock {
    let server: RedisServer
    /// µs since the epoch.
    var now: Int64 = 1_700_000_000_000_000

    func call(_ script: RedisScript, keys: [RedisKey], _ arguments: String...) throws -> RespValue {
        let time = "{'\(now / 1_000_000)', '\(now % 1_000_000)'}"
        let source = script.source.replacing("redis.call('TIME')", with: time)
        #expect(source != script.source)
        return try server.call(["EVAL", source, "\(keys.count)"] + keys.map(\.name) + arguments)
    }
}

/// Counters and boards are kept until somebody deletes them, as the documents ask.
let immortalByDesign = RedisServerOptions(
    checksLeaks: true, immortalKeyPrefixes: ["signalbox:counter:{", "signalbox:board:{"])
