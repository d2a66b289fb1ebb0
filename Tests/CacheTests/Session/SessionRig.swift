import FoundationEssentials
import RedisCore
import Synchronization
import TestSupport
import Testing

@testable import Cache

struct Cart: Codable, Sendable, Equatable {
    var items: [String] = []
    var visits = 0
}

extension Cart {
    /// With this item it is written and cannot be read again.
    static let unreadable = "unreadable"

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        self.init(
            items: try container.decode([String].self, forKey: .items),
            visits: try container.decode(Int.self, forKey: .visits))
        guard !items.contains(Self.unreadable) else {
            throw DecodingError.dataCorruptedError(forKey: .items, in: container, debugDescription: "as asked for")
        }
    }
}

/// A store with the clock it lives by in the test's hand.
struct SessionRig: Sendable {
    enum Kind: CaseIterable { case redis, memory }

    let store: any SessionStore<Cart>
    let advance: @Sendable (Duration) throws -> Void
}

func withSessions(
    _ kind: SessionRig.Kind, _ options: SessionOptions = SessionOptions(),
    _ body: (SessionRig) async throws -> Void
) async throws {
    switch kind {
    case .memory:
        let clock = ManualClock()
        let store = InMemorySessionStore<Cart>(options: options, clock: clock)
        try await body(SessionRig(store: store, advance: { clock.advance(by: $0) }))
    case .redis:
        var patient = options
        if options.timeout == SessionOptions().timeout { patient.timeout = SessionOptions.unhurried.timeout }
        try await withVirtualServer { [patient] clock, redis in
            let store = RedisSessionStore<Cart>(redis, prefix: "app", options: patient, scripts: clock.sessionScripts)
            try await body(SessionRig(store: store, advance: { try clock.advance($0) }))
        }
    }
}

/// A server whose scripts read the time from a key.
///
/// Redis itself still removes keys by its own clock.
func withVirtualServer(
    isolation: isolated (any Actor)? = #isolation, _ body: (VirtualServerClock, RedisClient) async throws -> Void
) async throws {
    try await withRedis(.init(checksLeaks: true, immortalKeyPrefixes: ["test:clock"])) { server, redis in
        let clock = VirtualServerClock(server)
        try clock.advance(.zero)
        try await body(clock, redis)
    }
}

final class VirtualServerClock: Sendable {
    let server: RedisServer
    private let time = Mutex<Int64>(1_763_700_000_000_000)
    private let source = "redis.call('HMGET', 'test:clock', 's', 'u')"

    init(_ server: RedisServer) { self.server = server }

    var sessionScripts: SessionScripts { SessionScripts(clock: source) }
    var codeScripts: OneTimeCodeScripts { OneTimeCodeScripts(clock: source) }
    var now: Int64 { time.withLock { $0 } }

    /// Forward, or back.
    func advance(_ duration: Duration) throws {
        let now = time.withLock { time in
            time += Int64(duration / .microseconds(1))
            return time
        }
        try server("HSET", "test:clock", "s", "\(now / 1_000_000)", "u", "\(now % 1_000_000)")
    }
}

extension RedisServer {
    func load(_ scripts: [RedisScript]) throws {
        for script in scripts { try call(["SCRIPT", "LOAD", script.source]) }
    }
}

/// What stands behind an id, without the session.
enum SessionState: Equatable { case active, expired, revoked, unknown }

extension SessionStore {
    func state(_ id: SessionID) async throws -> SessionState {
        switch try await lookup(id) {
        case .active: .active
        case .expired: .expired
        case .revoked: .revoked
        case .unknown: .unknown
        }
    }
}
