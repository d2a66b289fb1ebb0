import FoundationEssentials
import RedisCore
import TestSupport
import Testing

@testable import Cache

/// T4 for every verb of a cache: the link is cut before a request arrives, or after it was executed.
///
/// It is repeated and has one effect, or it is not and the error says that nobody knows; see ``VerbTrial``.
@Suite struct VerbLostReplyTests {
    @Test(arguments: CacheVerb.allCases, [true, false])
    func `a verb has one effect, or says that nobody knows`(verb: CacheVerb, executed: Bool) async throws {
        try await withRedisServer { server in
            // A script must be EVALSHA at once for the proxy to recognise it.
            try server.load(VerbTrial.scripts)
            try await withClient(server.configuration) { direct in
                let other = RedisCache(direct, prefix: "app", options: .unhurried)
                for trial in verb.trials { try await check(trial, executed, server, other) }
            }
        }
    }

    private func check(_ trial: VerbTrial, _ executed: Bool, _ server: RedisServer, _ other: RedisCache) async throws {
        try server("FLUSHALL")
        try await VerbTrial.prepare(other)
        try await trial.before(other)
        var expected = try await VerbTrial.state(server, other)
        if trial.isRepeated || executed {
            expected = expected.merging(trial.changes) { $1 }.filter { $0.value != VerbTrial.gone }
        }
        try await withFaultProxy(to: server.tcp) { proxy in
            try await withClient(proxy.configuration) { redis in
                proxy.set(executed ? .cutBeforeReply(match: trial.cut) : .cutBeforeSend(match: trial.cut))
                try await compare(trial, executed, RedisCache(redis, prefix: "app", options: patient))
                try await proxy.faultDone.wait()
                #expect(proxy.commands(containing: trial.cut) == (trial.isRepeated ? 2 : 1))
                #expect(try await VerbTrial.state(server, other) == expected)
            }
        }
    }

    private let patient = CacheOptions(timeout: .seconds(30))

    private func compare(_ trial: VerbTrial, _ executed: Bool, _ cache: RedisCache) async throws {
        guard trial.isRepeated else {
            let error = await expectError(.unavailable) { try await trial.call(cache) }
            #expect(error?.isEffectUnknown == true)
            #expect(error.map { "\($0)".contains("may be changed all the same") } == true)
            return
        }
        let answer = try await trial.call(cache)
        #expect(answer == (executed ? trial.answerAgain ?? trial.answer : trial.answer))
    }

    @Test(arguments: [true, false])
    func `more than a chunk is deleted by pattern, whatever reply is lost`(executed: Bool) async throws {
        try await withRedisServer { server in
            try server.load(VerbTrial.scripts)
            try await withClient(server.configuration) { direct in
                let other = RedisCache(direct, prefix: "app", options: .unhurried)
                try await VerbTrial.many(other)
                try await withFaultProxy(to: server.tcp) { proxy in
                    try await withClient(proxy.configuration) { redis in
                        let cache = RedisCache(redis, prefix: "app", options: patient)
                        let match = CacheScripts.delete.sha
                        proxy.set(executed ? .cutBeforeReply(match: match) : .cutBeforeSend(match: match))
                        let count = try await cache.deleteMany(matching: "m:*")
                        try await proxy.faultDone.wait()
                        // Of the chunk of 500 that was cut some may have been deleted and not counted.
                        #expect((700...1_200).contains(count))
                        #expect(executed || count == 1_200)
                        #expect(try server("DBSIZE") == 0)
                    }
                }
            }
        }
    }

    @Test func `an error says whether the effect is unknown, or there is none`() async throws {
        try await withRedis { server, redis in
            let cache = RedisCache(redis, prefix: "app", options: .unhurried)
            try server("CONFIG", "SET", "min-replicas-to-write", "3")
            let refused = await expectError(.unavailable) { try await cache.add("a", 1) }
            #expect(refused?.isEffectUnknown == false)
            #expect(try server("DBSIZE") == 0)
            try server("CONFIG", "SET", "min-replicas-to-write", "0")
        }
        let nowhere = RedisConfiguration(endpoint: .unix(path: "/nonexistent/redis.sock"))
        try await withClient(nowhere) { redis in
            let cache = RedisCache(redis, prefix: "app", options: CacheOptions(timeout: .milliseconds(50)))
            let unsent = await expectError(.unavailable) { try await cache.add("a", 1) }
            #expect(unsent?.isEffectUnknown == false)
        }
    }
}
