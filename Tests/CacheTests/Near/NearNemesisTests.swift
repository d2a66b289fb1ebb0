import RedisCore
import TestSupport
import Testing

@testable import Cache

/// T2 under load for near caches: nothing older than the documented bound, whatever happens to the server.
@Suite struct NearNemesisTests {
    private let heartbeat = Duration.milliseconds(100)

    @Test(arguments: Nemesis.allCases)
    func `nothing is handed out that was replaced more than two heartbeats ago`(nemesis: Nemesis) async throws {
        try await withNemesis(nemesis, heartbeat: heartbeat) { server, one, other in
            let load = NemesisLoad(steps: 20) { isRefusal($0) }
            let truth = Truth(6)
            let options = CacheOptions(timeout: .milliseconds(300), failure: .closed)
            let reader = RedisCache(one, prefix: "myapp", options: options).with { $0.near = NearCacheOptions() }
            let writers = RedisCache(other, prefix: "myapp", options: options)
            try await reader.untilNear(.tracking)
            for number in 0..<truth.count {
                load.add("writer \(number)") { step in
                    // What changes all the time is never near.
                    guard step % 8 == 0 else {
                        _ = try await writers.get("k\(number)", as: Int.self)
                        return
                    }
                    let version = truth.change(number)
                    // By tag, a value is replaced by none: what may be read then is nothing, or the next one.
                    if number < 2 { try await writers.invalidate(tags: "t\(number)") }
                    try await writers.set("k\(number)", version, tags: number < 2 ? ["t\(number)"] : [])
                    truth.invalidated(number, to: version)
                }
            }
            for name in ["reader", "another reader"] {
                load.add(name) { step in
                    let number = step % truth.count
                    let floor = truth.floor(number, after: heartbeat + heartbeat)
                    guard let value = try await reader.get("k\(number)", as: Int.self) else { return }
                    if value < floor { load.note("k\(number) is \(value), two heartbeats after \(floor)") }
                }
            }
            try await load.run(nemesis, on: server)
            #expect(load.surprises.isEmpty, "\(load.surprises.prefix(5))")
            #expect(reader.figures.fills > 0)
            // It works again without being made anew, and is right for good; how fast the machine is does not matter.
            try await untilAnswered(one, other)
            let patient = reader.with { $0.timeout = .seconds(20) }
            let patientWriters = writers.with { $0.timeout = .seconds(20) }
            #expect(patient.nearLevel === reader.nearLevel)
            try await patient.untilNear(.tracking)
            for number in 0..<truth.count {
                let last = truth.change(number)
                // A held up process misses its short heartbeats, and loses connections and replies with them.
                try await eventually("k\(number) is written") {
                    (try? await patientWriters.set("k\(number)", last)) != nil
                }
                try await eventually("k\(number) is read") {
                    (try? await patient.get("k\(number)", as: Int.self)) == last
                }
                try await eventually("k\(number) is near") {
                    let hits = patient.figures.hits
                    guard let value = try? await patient.get("k\(number)", as: Int.self) else { return false }
                    #expect(value == last)
                    return patient.figures.hits > hits
                }
            }
        }
    }
}
