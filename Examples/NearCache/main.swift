// A value that two processes read and write, kept in the memory of one of them and never stale there for long.
//
//     swift run NearCache
//
// The program starts itself a second time: that process changes values, this one reads them. Redis is $REDIS_URL;
// without it an embedded redis-server is started, which ends with the program.

import Cache
import EmbeddedRedis
import Foundation
import RedisCore

struct Price: Codable, Sendable {
    var cents: Int
}

/// The other process: does what it is told line by line, and says when it is done.
///
/// It has no near cache, and needs none.
func serve(_ redis: RedisClient) async throws {
    let cache = RedisCache(redis, prefix: "shop")
    while let line = readLine() {
        let words = line.split(separator: " ").map(String.init)
        switch words[0] {
        case "set": try await cache.set(words[1], Price(cents: Int(words[2]) ?? 0), tags: ["spring"])
        case "invalidate": try await cache.invalidate(tags: words[1])
        default: try await cache.delete(words[1])
        }
        try FileHandle.standardOutput.write(contentsOf: Data("done\n".utf8))
    }
}

/// The second process, seen from the first.
struct Other {
    private let process = Process()
    private let input = Pipe()
    private let output = Pipe()

    init(redis url: String) throws {
        process.executableURL = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
        if !FileManager.default.fileExists(atPath: "/proc/self/exe") {
            process.executableURL = URL(filePath: CommandLine.arguments[0])
        }
        process.arguments = ["serve"]
        process.environment = ProcessInfo.processInfo.environment.merging(["REDIS_URL": url]) { $1 }
        process.standardInput = input
        process.standardOutput = output
        try process.run()
    }

    /// Returns when the other process has had Redis' answer.
    func tell(_ line: String) throws {
        try input.fileHandleForWriting.write(contentsOf: Data("\(line)\n".utf8))
        _ = try output.fileHandleForReading.read(upToCount: "done\n".utf8.count)
    }

    func end() throws {
        try input.fileHandleForWriting.close()
        process.waitUntilExit()
    }
}

/// Reads until a condition holds: news take a moment, usually less than a millisecond.
func wait(_ condition: () async throws -> Bool) async throws {
    while try await !condition() { try await Task.sleep(for: .milliseconds(1)) }
}

func read(_ redis: RedisClient, _ other: Other) async throws {
    let cache = RedisCache(redis, prefix: "shop", options: CacheOptions(near: NearCacheOptions(entries: 1_000)))
    func price(_ key: String) async throws -> Int? { try await cache.get(key, as: Price.self)?.cents }
    try await wait { cache.near?.state == .tracking }

    try other.tell("set tulips 300")
    print("read from Redis: \(try await price("tulips") ?? 0)")
    try await wait {
        _ = try await price("tulips")
        return (cache.near?.figures.hits ?? 0) > 0
    }
    let before = cache.near?.figures.hits ?? 0
    for _ in 0..<1_000 { _ = try await price("tulips") }
    print("the next thousand reads answered here: \((cache.near?.figures.hits ?? 0) - before)")

    try other.tell("set tulips 250")
    try await wait { try await price("tulips") == 250 }
    print("after the other process changed it: \(try await price("tulips") ?? 0)")

    try other.tell("invalidate spring")
    try await wait { try await price("tulips") == nil }
    print("after the other process invalidated its tag: \(try await price("tulips").map(String.init) ?? "none")")

    // What one writes oneself is never read in an older form, not even for a moment.
    var old = 0
    for cents in 1...100 {
        try await cache.set("roses", Price(cents: cents))
        if try await price("roses") != cents { old += 1 }
    }
    print("own writes that were read in an older form: \(old)")

    // Without its connection it hears of nothing, so it forgets everything.
    let flushes = cache.near?.figures.flushes ?? 0
    _ = try await redis.command(RedisCommand("CLIENT", "KILL", "TYPE", "pubsub"))
    try await wait { (cache.near?.figures.flushes ?? 0) > flushes && cache.near?.state == .tracking }
    try other.tell("set roses 999")
    try await wait { try await price("roses") == 999 }
    print("after its connection was cut: \(try await price("roses") ?? 0)")
    try await cache.delete("tulips", "roses")
}

func redisURL(of endpoint: RedisConfiguration.Endpoint) -> String {
    switch endpoint {
    case .tcp: "redis://\(endpoint)"
    case .unix(let path): "unix://\(path)"
    }
}

let environment = ProcessInfo.processInfo.environment["REDIS_URL"]
if CommandLine.arguments.dropFirst().first == "serve", let environment {
    try await RedisClient.withClient(RedisConfiguration(url: environment)) { redis in try await serve(redis) }
} else {
    let server = environment == nil ? try await EmbeddedServer.start() : nil
    let url = environment ?? server.map { redisURL(of: $0.configuration.endpoint) } ?? ""
    let other = try Other(redis: url)
    try await RedisClient.withClient(RedisConfiguration(url: url)) { redis in try await read(redis, other) }
    try other.end()
    await server?.stop()
}
