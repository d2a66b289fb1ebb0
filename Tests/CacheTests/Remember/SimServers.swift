import FoundationEssentials
import RedisCore

@testable import Cache

/// The fill scripts as a model: what they do to one entry, its lease and one stamp.
struct ModelServer: FillServer {
    private struct Entry {
        var version: Int
        var written: Int64
        var sight = RememberMachine.Sight.hit
    }

    private var clock: Int64 = 0
    private var entry: Entry?
    private var lease: FillToken?
    private var stamp: Int64 = 0

    private mutating func tick() -> Int64 {
        clock += 1
        return clock
    }

    private var print: EntryPrint { entry.map { EntryPrint(Data("\($0.written)".utf8)) } ?? .none }

    mutating func look() -> SimLook {
        guard let entry else { return SimLook() }
        guard entry.written > stamp else { return SimLook(print: print) }
        return SimLook(sight: entry.sight, version: entry.version, print: print)
    }

    mutating func acquire(_ token: FillToken, replacing seen: EntryPrint) -> FillAnswer {
        if print != .none, print != seen { return .changed }
        if let lease, lease != token { return .held(left: .seconds(30)) }
        lease = token
        return .granted(at: tick())
    }

    func isAlive(_ at: Int64) -> Bool { stamp < at }

    mutating func fill(_ token: FillToken, _ version: Int, at: Int64) -> Bool {
        guard lease == token else { return entry?.written == at }
        entry = Entry(version: version, written: at)
        lease = nil
        return true
    }

    mutating func drop(_ token: FillToken, failed: Bool) {
        if lease == token { lease = nil }
    }

    mutating func invalidate(_ how: SimInvalidation) {
        switch how {
        case .delete:
            lease = nil
            entry = nil
        case .tag: stamp = tick()
        }
    }

    mutating func age() {
        switch entry?.sight {
        case .hit: entry?.sight = .early
        case .early: entry?.sight = .stale
        default: entry = nil
        }
    }
}

/// The real scripts on a real server.
struct RealServer: FillServer {
    let cache: RedisCache
    let entry: RedisKey
    private let tag = "sim"

    init(_ redis: RedisClient, _ name: String) throws {
        cache = RedisCache(redis, prefix: "sim", options: .unhurried)
        entry = try cache.redisKey(name)
    }

    func look() async throws -> SimLook {
        let sight = try await cache.sight(entry, tags: [tag], operation: "test")
        let print = sight.bytes.map(EntryPrint.init) ?? .none
        guard case .present(let stored) = sight.state,
            let version = try cache.value(of: stored, Int.self, entry, "test")
        else { return SimLook(print: print) }
        return SimLook(sight: .hit, version: version, print: print)
    }

    func acquire(_ token: FillToken, replacing print: EntryPrint) async throws -> FillAnswer {
        try await cache.acquireFill(entry, token, replacing: print, lease: 30_000, respect: 0, "test")
    }

    func isAlive(_ at: Int64) async throws -> Bool { try await cache.isAlive(written: at, tags: [tag], "test") }

    func fill(_ token: FillToken, _ version: Int, at: Int64) async throws -> Bool {
        let bytes = try cache.pieces(version, [tag], entry, "test").whole(written: at)
        return try await cache.fill(entry, token, bytes, life: "60000", "test")
    }

    func drop(_ token: FillToken, failed: Bool) async throws {
        _ = try await cache.dropFill(entry, token, "test")
    }

    func invalidate(_ how: SimInvalidation) async throws {
        switch how {
        case .delete: try await cache.delete(cache.keys.name(of: entry) ?? "")
        case .tag: try await cache.invalidate(tags: tag)
        }
    }

    func age() {}
}
