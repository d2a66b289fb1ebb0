import FoundationEssentials
import RedisCore
import TestSupport
import Testing

@testable import Cache

/// Thousands of random calls to both stores, whose answers must be the same; a seed that fails can be repeated.
@Suite struct SessionModelTests {
    private struct Pair {
        let redis: SessionID
        let memory: SessionID
    }

    @Test(arguments: [1, 2, 3, 4] as [UInt64])
    func `the scripts decide as the model does`(seed: UInt64) async throws {
        var random = SplitMix(seed: seed)
        let options = SessionOptions(
            life: SessionLife(idle: .seconds(1_800), absolute: .seconds(7_200)), maxPerUser: seed == 1 ? nil : 4,
            endedFor: .seconds(30 * 86_400), timeout: .seconds(20))
        try await withVirtualServer { clock, redis in
            let manual = ManualClock()
            let real = RedisSessionStore<Cart>(redis, prefix: "app", options: options, scripts: clock.sessionScripts)
            let model = InMemorySessionStore<Cart>(options: options, clock: manual)
            var pairs: [Pair] = []
            for step in 0..<600 {
                // Never the same microsecond twice: which of two is older would be left to their names.
                let pause = Duration.microseconds(random.next() % 10 == 0 ? random.next() % 2_000_000_000 : 1)
                manual.advance(by: pause)
                try clock.advance(pause)
                let user = "user \(random.next() % 3)"
                let pair = pairs.isEmpty ? nil : pairs[Int(random.next() % UInt64(pairs.count))]
                let kind = pair == nil ? 0 : random.next() % 16
                guard kind > 2, let pair else {
                    let one = try await real.create(userID: user, data: Cart(visits: step))
                    let two = try await model.create(userID: user, data: Cart(visits: step))
                    pairs.append(Pair(redis: one.id, memory: two.id))
                    continue
                }
                let one = await play(kind, real, user, pair.redis)
                let two = await play(kind, model, user, pair.memory)
                try #require(one.text == two.text, "step \(step), call \(kind)")
                if let new = one.id, let same = two.id { pairs.append(Pair(redis: new, memory: same)) }
            }
        }
    }

    /// One call and what came of it, in words that do not depend on ids and on when the store was made.
    private func play(
        _ kind: UInt64, _ store: some SessionStore<Cart>, _ user: String, _ id: SessionID
    ) async -> (text: String, id: SessionID?) {
        do {
            switch kind {
            case 3, 4: return (text(try await store.refresh(id)), nil)
            case 5, 6: return (text(try await store.update(id) { $0.data.items.append("x") }), nil)
            case 7:
                let new = try await store.rotate(id)
                return (text(new), new.id)
            case 8: return ("\(try await store.destroy(id))", nil)
            case 9: return ("\(try await store.destroyAll(userID: user))", nil)
            case 10:
                guard let session = try await store.get(id) else { return ("none", nil) }
                let count = try await store.destroyAll(userID: session.userID, except: session.reference)
                return ("\(count)", nil)
            case 11, 12:
                let all = try await store.list(userID: user)
                return (all.map { text($0) }.sorted().joined(separator: "; "), nil)
            default:
                if let session = try await store.get(id) { return (text(session), nil) }
                return ("\(try await store.state(id))", nil)
            }
        } catch let error as CacheError {
            return (error.code.rawValue, nil)
        } catch {
            return ("\(error)", nil)
        }
    }

    private func text(_ session: Session<Cart>) -> String { text(session.info) }

    private func text(_ info: SessionInfo<Cart>) -> String {
        func span(_ seconds: Double) -> Int { Int((seconds * 1_000).rounded()) }
        let seen = span(info.lastSeenAt.timeIntervalSince(info.createdAt))
        let expires = span(info.expiresAt.timeIntervalSince(info.createdAt))
        return "\(info.userID) \(info.data) v\(info.version) \(seen) \(expires)"
    }
}
