import Coordination
import Foundation
import RedisCore

/// How long a lock lies idle between holders that are processes of their own, and what a hand-over costs the server.
enum LockProcessFigures {
    static var all: [Figure] {
        Contender.Kind.allCases.map { kind in
            Figure(
                name: "lock.handoff.processes.\(kind.rawValue)",
                summary: "release to next holder of a \(kind.noun), \(Contender.processes) processes",
                measure: { try handOff($0, kind) })
        }
    }

    private static func handOff(_ environment: Environment, _ kind: Contender.Kind) throws -> [(String, Double?)]? {
        let session = try RawSession(port: environment.port)
        try session.command("DEL", Contender.ready, Contender.go)
        var children: [Process] = []
        defer { for child in children where child.isRunning { child.terminate() } }
        let files = (0..<Contender.processes).map {
            environment.server.folder.appendingPathComponent("\(kind.rawValue)-\($0).txt")
        }
        for file in files {
            FileManager.default.createFile(atPath: file.path, contents: nil)
            let child = Process()
            child.executableURL = Bundle.main.executableURL
            child.arguments = ["--contender", kind.rawValue, "--port", "\(environment.port)"]
            child.standardOutput = try FileHandle(forWritingTo: file)
            try child.run()
            children.append(child)
        }
        try waitUntil("the contenders are ready") {
            try session.command("GET", Contender.ready).text == "\(Contender.processes)"
        }
        try session.command("CONFIG", "RESETSTAT")
        try session.command("SET", Contender.go, "1")
        for child in children { child.waitUntilExit() }
        guard children.allSatisfy({ $0.terminationStatus == 0 }) else {
            throw BenchmarkError("a contender failed; see --contender \(kind.rawValue)")
        }
        var tenures: [(from: UInt64, until: UInt64)] = []
        for file in files {
            for line in try String(contentsOf: file, encoding: .utf8).split(separator: "\n") {
                let times = line.split(separator: " ").compactMap { UInt64($0) }
                if times.count == 2 { tenures.append((times[0], times[1])) }
            }
        }
        tenures.sort { $0.from < $1.from }
        var idle = Histogram()
        for (one, next) in zip(tenures, tenures.dropFirst()) where next.from > one.until {
            idle.add(nanoseconds: next.from - one.until)
        }
        let requests = try ["evalsha", "eval", "subscribe", "unsubscribe"]
            .reduce(0) { try $0 + CommandStatistics.calls(of: $1, session) }
        return [
            ("p50_us", idle.microseconds(atQuantile: 0.5)), ("p99_us", idle.microseconds(atQuantile: 0.99)),
            ("requests_per_handoff", Double(requests) / Double(max(1, tenures.count))),
            ("handoffs", Double(tenures.count)),
        ]
    }

    private static func waitUntil(_ what: String, _ condition: () throws -> Bool) throws {
        for _ in 0..<10_000 {
            if try condition() { return }
            Thread.sleep(forTimeInterval: 0.001)
        }
        throw BenchmarkError("\(what): not within 10 s")
    }
}

/// One of the processes: takes the lock again and again and prints when it had it.
enum Contender {
    enum Kind: String, CaseIterable {
        case mutex, fair, write

        var noun: String {
            switch self {
            case .mutex: "lock"
            case .fair: "fair lock"
            case .write: "read-write lock's writer"
            }
        }
    }

    static let processes = 8
    static let ready = "bench:contenders"
    static let go = "bench:go"
    private static let cycles = 200

    /// Blocks until all cycles are done.
    static func run(_ kind: Kind, port: Int) throws {
        let lines = try blocking {
            let redis = RedisClient(RedisConfiguration(endpoint: .tcp(host: "127.0.0.1", port: port)))
            // Connected and subscribed once before it counts.
            try await acquire(kind, redis, "bench:warm:\(getpid())").release()
            _ = try await redis.command(RedisCommand("INCR", RedisKey(ready)), as: Int.self)
            while try await redis.get(RedisKey(go)) == nil { try await Task.sleep(for: .milliseconds(1)) }
            var lines = ""
            for _ in 0..<cycles {
                let lease = try await acquire(kind, redis, "bench:handoff")
                let from = DispatchTime.now().uptimeNanoseconds
                lines += "\(from) \(DispatchTime.now().uptimeNanoseconds)\n"
                try await lease.release()
            }
            await redis.close()
            return lines
        }
        FileHandle.standardOutput.write(Data(lines.utf8))
    }

    private static func acquire(_ kind: Kind, _ redis: RedisClient, _ name: String) async throws -> Lease {
        switch kind {
        case .mutex: try await Locks(redis).acquire(name, wait: .seconds(60))
        case .fair: try await FairLocks(redis).acquire(name, wait: .seconds(60))
        case .write: try await ReadWriteLocks(redis).write(name, wait: .seconds(60))
        }
    }
}

/// What INFO tells of commands.
enum CommandStatistics {
    /// How often a command was called since CONFIG RESETSTAT.
    static func calls(of command: String, _ session: RawSession) throws -> Int {
        let text = try session.command("INFO", "commandstats").text ?? ""
        for line in text.split(whereSeparator: \.isNewline) where line.hasPrefix("cmdstat_\(command):calls=") {
            let digits = line.dropFirst("cmdstat_\(command):calls=".count).prefix { $0.isNumber }
            return Int(digits) ?? 0
        }
        return 0
    }
}
