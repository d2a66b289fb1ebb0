import RedisCore
import Synchronization
import TestSupport
import Testing

@testable import Cache

// MARK: - Indexed

extension MetricsScenario {
    static let indexed = [
        MetricsScenario(
            "items are written, read, deleted",
            [
                "cache.writes": 5, "cache.hits": 4, "cache.misses": 3, "cache.undecodable": 1, "cache.deletes": 4,
            ]
        ) { stage in
            let cache = IndexedCache(stage.client(), namespace: "n", options: .unhurried)
            try await cache.set("a", ["x": 1])
            try await cache.setMany(["b": ["x": 1], "c": ["x": 1]])
            try await cache.set("t", "text")
            _ = try await cache.get("a", as: [String: Int].self)
            _ = try await cache.get("x", as: [String: Int].self)
            _ = try await cache.getMany(["a", "b", "x"], as: [String: Int].self)
            _ = try await cache.getRaw("a")
            _ = try await cache.getRaw("x")
            await expectError(.undecodable) { try await cache.get("t", as: Int.self) }
            try await cache.update("a", ["x": 2])
            try await cache.increment("count")
            try await cache.delete("a")
            try await cache.deleteMany(["b", "y"])
            try await cache.delete("count")
        },
        MetricsScenario(
            "a damaged item is no hit, however it is read",
            [
                "cache.writes": 1, "cache.undecodable": 2,
            ]
        ) { stage in
            let cache = IndexedCache(stage.client(), namespace: "n", options: .unhurried)
            try await cache.set("a", "text")
            let key = "signalbox:indexed:{n}:item:a"
            let place = try #require(try stage.server("STRLEN", key).int) - 4 - Envelope.smallest + 1
            // The version of the envelope, which stands behind the item's own head.
            try stage.server("SETRANGE", key, "\(place)", "\u{7}")
            await expectError(.undecodable) { try await cache.get("a", as: String.self) }
            await expectError(.undecodable) { try await cache.getRaw("a") }
        },
        MetricsScenario("a namespace is cleared", ["cache.writes": 2, "cache.deletes": 2]) { stage in
            let cache = IndexedCache(stage.client(), namespace: "n", options: .unhurried)
            try await cache.setMany(["a": 1, "b": 2])
            #expect(try await cache.clearNamespace() == 2)
        },
        MetricsScenario("an index has members without items", ["cache.writes": 2, "cache.index.pruned": 2]) { stage in
            let cache = IndexedCache(stage.client(), namespace: "n", options: .unhurried)
            try await cache.setMany(["a": 1, "b": 2]) { _, _ in ["user": "ada"] }
            try stage.server("DEL", "signalbox:indexed:{n}:item:a", "signalbox:indexed:{n}:item:b")
            #expect(try await cache.getKeysByIndex("user", "ada").keys.isEmpty)
        },
        MetricsScenario("an update is overtaken once", ["cache.writes": 3, "cache.update.conflicts": 1]) { stage in
            let cache = IndexedCache(stage.client(), namespace: "n", options: .unhurried)
            let key = "signalbox:indexed:{n}:item:a"
            try await cache.set("a", 1)
            try stage.server("COPY", key, "other")
            try await cache.set("a", 2)
            var rounds = 0
            let sum = try await cache.update("a", as: Int.self) { value in
                if rounds == 0 { try stage.server("COPY", "other", key, "REPLACE") }
                rounds += 1
                value += 10
            }
            #expect(sum == 11 && rounds == 2)
        },
        MetricsScenario(
            "an end is told at the second attempt, others are given up",
            [
                "cache.writes": 1, "cache.expiry.failed": 1, "cache.expiry.told": 1, "cache.expiry.lost": 3,
            ]
        ) { stage in
            let cache = IndexedCache(stage.client(), namespace: "n", options: .unhurried, expiry: .keys())
            try await cache.set("a", "v")
            try await cache.expire("a")
            let expired = "signalbox:indexed:{n}:expired"
            for number in 0..<3 { try stage.server("ZADD", expired, "0", "1000:old\(number)") }
            let options = ExpirySweeperOptions(firstRetry: .milliseconds(1))
            let sweeper = try ExpirySweeper(cache, options: options) { if $0.attempt == 1 { throw Source.Failure() } }
            try await eventually("told") { try await sweeper.sweep() == 1 }
        },
        MetricsScenario("an end is rejected", ["cache.writes": 1, "cache.expiry.rejected": 1]) { stage in
            let cache = IndexedCache(stage.client(), namespace: "n", options: .unhurried, expiry: .keys())
            try await cache.set("a", "v")
            try await cache.expire("a")
            let sweeper = try ExpirySweeper(cache) { _ in throw ExpiryRejection("nobody wants it") }
            try await eventually("rejected") { try await sweeper.sweep() == 1 }
        },
    ]
}

// MARK: - Tags and invalidations

extension MetricsScenario {
    private static func apply(
        _ stage: MetricsStage, _ body: (RedisCache, Invalidator) async throws -> Void
    ) async throws {
        let cache = stage.cache()
        let options = Invalidator.Options(entities: ["user"], startsClean: false)
        let invalidator = Invalidator(cache, strategy: .onEvent(channel: "changes"), options: options)
        let running = Task { try await invalidator.run() }
        try await eventually("it listens") {
            try stage.server("PUBSUB", "NUMSUB", "changes").array?.last?.int == 1
        }
        try await body(cache, invalidator)
        running.cancel()
        _ = await running.result
    }

    static let invalidations = [
        MetricsScenario(
            "tags and a namespace are ended, and swept up",
            [
                "cache.writes": 3, "cache.tags.invalidated": 2, "cache.cleared": 1, "cache.reaped": 2,
            ]
        ) { stage in
            let cache = stage.cache()
            try await cache.set("a", 1, tags: ["t"])
            try await cache.set("b", 1, tags: ["u"])
            // The same tag twice is one.
            try await cache.invalidateAll(tags: ["t", "u", "t"])
            #expect(try await cache.reap().deleted == 2)
            try await cache.clear()
            try await cache.set("c", 1)
            #expect(try await cache.reap().deleted == 0)
        },
        MetricsScenario(
            "an entry of before is dead, and a miss",
            [
                "cache.writes": 1, "cache.tags.invalidated": 1, "cache.misses": 1,
            ]
        ) { stage in
            let cache = stage.cache()
            try await cache.set("a", 1, tags: ["t"])
            try await cache.invalidate(tags: "t")
            #expect(try await cache.get("a", as: Int.self) == nil)
        },
        MetricsScenario(
            "an event is applied, another is unreadable",
            [
                "cache.invalidation.events": 1, "cache.invalidation.events.unreadable": 1, "cache.deletes": 1,
                "cache.tags.invalidated": 2,
            ]
        ) { stage in
            try await apply(stage) { _, invalidator in
                try stage.server("PUBLISH", "changes", "{")
                try await invalidator.afterUpdate("user", id: "7")
                // The entry, its object's tag and its lists.
                try await eventually("applied") { stage.counts["cache.deletes"] == 1 }
                try await eventually("applied") { stage.counts["cache.tags.invalidated"] == 2 }
            }
        },
        MetricsScenario(
            "events were missed",
            [
                "cache.invalidation.gaps": 1, "cache.invalidation.events": 1, "cache.tags.invalidated": 2,
            ]
        ) { stage in
            try await apply(stage) { _, _ in
                try stage.server("CLIENT", "KILL", "TYPE", "pubsub")
                try await eventually("its entity and lists are dropped") { stage.counts["cache.tags.invalidated"] == 2 }
            }
        },
    ]
}

// MARK: - Sessions

extension MetricsScenario {
    static let sessions = [
        MetricsScenario(
            "sessions begin, are found, end",
            [
                "session.created": 3, "session.found": 2, "session.rotated": 1, "session.missing": 2,
                "session.destroyed": 3,
            ]
        ) { stage in
            let store = RedisSessionStore<Cart>(stage.client(), options: .unhurried)
            let one = try await store.create(userID: "ada", data: Cart())
            _ = try await store.create(userID: "ada", data: Cart())
            _ = try await store.create(userID: "ada", data: Cart())
            _ = try await store.get(one.id)
            try await store.refresh(one.id)
            let new = try await store.rotate(one.id)
            _ = try await store.lookup(one.id)
            #expect(try await store.destroy(new.id))
            #expect(try await !store.destroy(new.id))
            _ = try await store.lookup(new.id)
            #expect(try await store.destroyAll(userID: "ada") == 2)
        },
        MetricsScenario(
            "a session too many pushes the oldest out",
            [
                "session.created": 3, "session.evicted": 2,
            ]
        ) { stage in
            let store = RedisSessionStore<Cart>(stage.client(), options: .init(maxPerUser: 1, timeout: .seconds(60)))
            for _ in 0..<3 { _ = try await store.create(userID: "ada", data: Cart()) }
        },
        MetricsScenario(
            "an update is overtaken once",
            [
                "session.created": 1, "session.conflicts": 1, "session.found": 1,
            ]
        ) { stage in
            let store = RedisSessionStore<Cart>(stage.client(), options: .unhurried)
            let id = try await store.create(userID: "ada", data: Cart()).id
            let page = try stage.server("SCAN", "0", "TYPE", "hash", "COUNT", "1000")
            let key = try #require(page.array?.last?.strings.first)
            let rounds = Mutex(0)
            try await store.update(id) { content in
                let round = rounds.withLock { rounds in
                    rounds += 1
                    return rounds
                }
                if round == 1 { try stage.server("HINCRBY", key, "version", "1") }
                content.data.visits += 1
            }
            #expect(try await store.get(id)?.data.visits == 1)
        },
    ]

    static let codes = [
        MetricsScenario(
            "codes are issued, refused, wrong, locked, accepted, missing",
            [
                "code.issued": 2, "code.refused": 1, "code.wrong": 1, "code.locked": 2, "code.accepted": 1,
                "code.missing": 1,
            ]
        ) { stage in
            let codes = OneTimeCodes(stage.client(), options: .init(attempts: 2, maxCodes: 2, timeout: .seconds(60)))
            _ = try await codes.generate(for: "ada")
            for _ in 0..<3 { _ = try await codes.verify("wrong", for: "ada") }
            let code = try #require(try await codes.generate(for: "ada").code)
            #expect(try await codes.generate(for: "ada").code == nil)
            #expect(try await codes.verify(code.text, for: "ada") == .accepted)
            #expect(try await codes.verify(code.text, for: "ada") == .none)
        }
    ]
}
