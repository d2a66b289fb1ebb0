import Foundation
import RedisCore
import TestSupport
import Testing

/// Replies are made by a real server, from Lua.
@Suite struct `A reply` {
    /// Runs `body` with a function that gives the reply to a Lua expression, decoded.
    private func withReplies(_ body: (Replies) async throws -> Void) async throws {
        try await withRedisServer { server in
            try await RedisClient.withClient(server.configuration) { redis in try await body(Replies(redis: redis)) }
        }
    }

    private struct Replies {
        let redis: RedisClient

        func callAsFunction<T: RedisDecodable>(_ lua: String, as type: T.Type = T.self) async throws -> T {
            try await redis.command(RedisCommand("EVAL", "return \(lua)", 0), as: T.self)
        }

        /// Why the reply cannot be read as `type`.
        func mismatch<T: RedisDecodable>(_ lua: String, as type: T.Type) async throws -> RedisError.Code? {
            do {
                let value: T = try await self(lua)
                Issue.record("\(lua) was read as \(type): \(value)")
                return nil
            } catch let error as RedisError {
                return error.code
            }
        }
    }

    @Test func `of text is read as text, bytes or data, byte for byte`() async throws {
        try await withReplies { reply async throws in
            #expect(try await reply("'Grüße'", as: String.self) == "Grüße")
            #expect(try await reply("''", as: String.self).isEmpty)
            #expect(try await reply("''", as: [UInt8].self).isEmpty)
            #expect(try await reply("'a\\0b\\r\\n'", as: [UInt8].self) == [97, 0, 98, 13, 10])
            #expect(try await reply("'\\255\\254'", as: Data.self) == Data([255, 254]))
            #expect(try await reply("redis.status_reply('FINE')", as: String.self) == "FINE")
            #expect(try await reply("12", as: String.self) == "12")
            #expect(try await reply.mismatch("'\\255'", as: String.self) == .decoding)
        }
    }

    @Test func `of a number is read as one, to the ends of its range`() async throws {
        try await withReplies { reply async throws in
            #expect(try await reply("7", as: Int.self) == 7)
            #expect(try await reply("'-9223372036854775808'", as: Int.self) == .min)
            #expect(try await reply("'9223372036854775807'", as: Int64.self) == .max)
            #expect(try await reply("255", as: UInt8.self) == 255)
            #expect(try await reply("'2.5'", as: Double.self) == 2.5)
            #expect(try await reply("3", as: Double.self) == 3)
            #expect(try await reply("'-inf'", as: Double.self) == -.infinity)
            for (lua, type) in [("'1.5'", Int.self), ("'x'", Int.self), ("''", Int.self)] {
                #expect(try await reply.mismatch(lua, as: type) == .decoding, "\(lua)")
            }
            #expect(try await reply.mismatch("'9223372036854775808'", as: Int64.self) == .decoding)
            #expect(try await reply.mismatch("256", as: UInt8.self) == .decoding)
            #expect(try await reply.mismatch("'x'", as: Double.self) == .decoding)
        }
    }

    @Test func `of yes and no is read as a truth value`() async throws {
        try await withReplies { reply async throws in
            #expect(try await reply("1", as: Bool.self))
            #expect(try await !reply("0", as: Bool.self))
            #expect(try await reply("redis.status_reply('OK')", as: Bool.self))
            #expect(try await !reply("false", as: Bool.self), "null, as SET … NX answers")
            for lua in ["2", "'1'", "redis.status_reply('QUEUED')", "{}"] {
                #expect(try await reply.mismatch(lua, as: Bool.self) == .decoding, "\(lua)")
            }
        }
    }

    @Test func `of null is nil for an optional, and an error otherwise`() async throws {
        try await withReplies { reply in
            #expect(try await reply("false", as: String?.self) == nil)
            #expect(try await reply("false", as: [Int]?.self) == nil)
            #expect(try await reply("'x'", as: String?.self) == "x")
            #expect(try await reply.mismatch("false", as: String.self) == .decoding)
            #expect(try await reply.mismatch("false", as: [UInt8].self) == .decoding)
            #expect(try await reply.mismatch("false", as: Int.self) == .decoding)
            // A null array, which Lua cannot make.
            let list = try await reply.redis.withExclusiveConnection { connection in
                try await connection.command(RedisCommand("BLPOP", RedisKey("none"), "0.01"), as: [String]?.self)
            }
            #expect(list == nil)
        }
    }

    @Test func `of a list is read as an array, nested and with gaps`() async throws {
        try await withReplies { reply async throws in
            #expect(try await reply("{1, 2, 3}", as: [Int].self) == [1, 2, 3])
            #expect(try await reply("{}", as: [String].self).isEmpty)
            #expect(try await reply("{'a', false, 'b'}", as: [String?].self) == ["a", nil, "b"])
            #expect(try await reply("{{1}, {2, 3}, {}}", as: [[Int]].self) == [[1], [2, 3], []])
            #expect(try await reply("{'ab', 'c'}", as: [[UInt8]].self) == [[97, 98], [99]])
            #expect(try await reply.mismatch("{'a', 1}", as: [[Int]].self) == .decoding)
            #expect(try await reply.mismatch("{1, false}", as: [Int].self) == .decoding)
            #expect(try await reply.mismatch("'a'", as: [String].self) == .decoding)
        }
    }

    @Test func `of pairs is read as a dictionary, the last of two equal keys counting`() async throws {
        try await withReplies { reply in
            #expect(try await reply("{'a', 1, 'b', 2}", as: [String: Int].self) == ["a": 1, "b": 2])
            #expect(try await reply("{'a', 1, 'a', 2}", as: [String: Int].self) == ["a": 2])
            #expect(try await reply("{}", as: [String: String].self).isEmpty)
            #expect(try await reply.mismatch("{'a', 1, 'b'}", as: [String: Int].self) == .decoding)
            try await reply.redis.command(RedisCommand("HSET", RedisKey("h"), "f", "1", "g", "2"))
            let hash = try await reply.redis.command(RedisCommand("HGETALL", RedisKey("h")), as: [String: Int].self)
            #expect(hash == ["f": 1, "g": 2])
        }
    }

    @Test func `that is an error inside a list is thrown, and kept by the untyped value`() async throws {
        try await withReplies { reply in
            let lua = "{1, redis.error_reply('WRONGTYPE of the script')}"
            #expect(try await reply.mismatch(lua, as: [Int].self) == .wrongType)
            let value = try await reply(lua, as: RedisValue.self)
            #expect(value == .array([.integer(1), .error("WRONGTYPE of the script")]))
        }
    }

    @Test func `of any shape is an untyped value`() async throws {
        try await withReplies { reply in
            let value = try await reply("{1, 'b', false, redis.status_reply('OK'), {}}", as: RedisValue.self)
            #expect(value == .array([.integer(1), .bytes([98]), .null, .status("OK"), .array([])]))
        }
    }

    @Test func `of great depth and width is read without harm`() async throws {
        try await withReplies { reply in
            let wide = try await reply(
                "(function() local t = {} for i = 1, 100000 do t[i] = i end return t end)()", as: [Int].self)
            #expect(wide == Array(1...100_000))
            // hiredis 0.14 reads seven levels and gives up beyond; 1.x reads nine.
            #expect(try await reply("{{{{{{1}}}}}}", as: RedisValue.self) != .null)
        }
    }

    @Test func `that does not fit says what was expected, and shows no data`() async throws {
        try await withReplies { reply in
            do {
                let value: Int = try await reply("'hunter2'")
                Issue.record("read \(value)")
            } catch let error as RedisError {
                #expect(error.message.contains("Int"))
                #expect(!"\(error)".contains("hunter2"))
            }
        }
    }
}
