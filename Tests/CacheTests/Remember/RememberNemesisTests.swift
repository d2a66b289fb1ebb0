import RedisCore
import TestSupport
import Testing

@testable import Cache

/// T2 under load for `remember`: whoever asks after an invalidation was answered never gets what was before it.
@Suite struct RememberNemesisTests {
    private let options = CacheOptions(
        timeout: .milliseconds(300),
        remember: RememberOptions(loadLease: .seconds(5), waitForOthers: .milliseconds(200)))

    @Test(arguments: Nemesis.allCases)
    func `what was invalidated never comes back`(nemesis: Nemesis) async throws {
        try await withNemesis(nemesis) { server, one, other in
            // A process that is held up for longer than a lease lasts gives its load up.
            let load = NemesisLoad { isRefusal($0, .loadTimedOut) }
            let truth = Truth(6)
            let caches = [one, other].map { RedisCache($0, prefix: "app", options: options) }
            for number in 0..<truth.count {
                // By one client each, so that what is given up for lost does not arrive out of turn.
                let cache = caches[number % 2]
                load.add("writer \(number)") { _ in
                    let version = truth.change(number)
                    switch number % 3 {
                    case 0: try await cache.delete("k\(number)")
                    case 1: try await cache.invalidate(tags: "t\(number)")
                    default: try await cache.set("k\(number)", version, tags: ["t\(number)"])
                    }
                    truth.invalidated(number, to: version)
                }
            }
            for (reader, cache) in (caches + caches).enumerated() {
                load.add("reader \(reader)") { step in
                    let number = step % truth.count
                    let floor = truth.floor(number)
                    let value = try await cache.remember("k\(number)", tags: ["t\(number)"]) { truth.version(number) }
                    // What a stamp had invalidated counts again when Redis evicts the stamp.
                    let isForgotten = nemesis == .evicting && number % 3 == 1
                    if value < floor, !isForgotten { load.note("k\(number) is \(value) after \(floor) was told") }
                }
            }
            try await load.run(nemesis, on: server)
            #expect(load.surprises.isEmpty, "\(load.surprises.prefix(5))")
            // What follows is about values, not about how busy the machine is.
            try await untilAnswered(one, other)
            let calm = caches.map { cache in
                cache.with {
                    $0.timeout = .seconds(60)
                    $0.remember.loadLease = .seconds(120)
                }
            }
            for number in 0..<truth.count {
                // Ends what a writer without an answer has left, once.
                try await calm[0].invalidate(tags: "t\(number)")
                for cache in calm {
                    let value = try await cache.remember("k\(number)", tags: ["t\(number)"]) { truth.version(number) }
                    #expect(value == truth.version(number))
                }
                // Stored again, for everybody.
                try await eventually("stored") {
                    // A load that met the end of the trouble was handed out and not stored: the next one is.
                    _ = try await calm[0].remember("k\(number)", tags: ["t\(number)"]) { truth.version(number) }
                    return try await calm[1].get("k\(number)") == truth.version(number)
                }
            }
        }
    }
}
