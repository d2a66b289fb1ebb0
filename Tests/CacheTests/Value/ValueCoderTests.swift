import FoundationEssentials
import Testing

@testable import Cache

@Suite struct ValueCoderTests {
    private struct Dated: Codable, Equatable {
        var at: Date
        var note: String?
    }

    private struct Reversing: CacheSerializer {
        var codec: UInt8 { 16 }
        func encode<T: Encodable>(_ value: T) throws -> Data { Data(try JSONEncoder().encode(value).reversed()) }
        func decode<T: Decodable>(_ type: T.Type, from data: Data) throws -> T {
            try JSONDecoder().decode(type, from: Data(data.reversed()))
        }
    }

    private let json = ValueCoder(serializer: .json)

    private func roundTrip<T: Codable>(_ value: T, _ coder: ValueCoder) throws -> T {
        let payload = try coder.encode(value, operation: "test", key: nil)
        return try coder.decode(T.self, codec: payload.codec, payload.bytes, operation: "test", key: nil)
    }

    @Test func `dates are RFC 3339 in JSON`() throws {
        let value = Dated(at: Date(timeIntervalSince1970: 1_763_704_000.25), note: nil)
        let payload = try json.encode(value, operation: "test", key: nil)
        #expect(String(decoding: payload.bytes, as: UTF8.self) == #"{"at":"2025-11-21T05:46:40.250000Z"}"#)
        #expect(try roundTrip(value, json) == value)
    }

    @Test func `text, bytes, numbers, lists, dictionaries and optionals come back`() throws {
        #expect(try roundTrip("\"quoted\"", json) == "\"quoted\"")
        #expect(try roundTrip([UInt8]([0, 255]), json) == [0, 255])
        #expect(try roundTrip(42, json) == 42)
        #expect(try roundTrip(["a": [1, 2]], json) == ["a": [1, 2]])
        #expect(try roundTrip(String?.none, json) == nil)
        #expect(try roundTrip(String?.some("x"), json) == "x")
    }

    @Test func `a cache with another serializer still reads JSON, text and bytes`() throws {
        let own = ValueCoder(serializer: Reversing())
        #expect(try roundTrip(User(id: 1, name: "Ada"), own) == User(id: 1, name: "Ada"))
        let old = try json.encode(User(id: 2, name: "Bo"), operation: "test", key: nil)
        #expect(try own.decode(User.self, codec: old.codec, old.bytes, operation: "test", key: nil).id == 2)
        let new = try own.encode(User(id: 3, name: "Cy"), operation: "test", key: nil)
        #expect(throws: CacheError.self) {
            try json.decode(User.self, codec: new.codec, new.bytes, operation: "test", key: nil)
        }
    }

    @Test func `the string serializer refuses what is neither text nor bytes`() throws {
        let strings = ValueCoder(serializer: .string)
        #expect(try roundTrip("plain", strings) == "plain")
        do {
            _ = try strings.encode(7, operation: "set", key: "k")
            Issue.record("a number was taken")
        } catch {
            #expect(error.code == .unencodable)
        }
    }

    @Test func `an error names the place and never the value`() throws {
        do {
            _ = try json.decode(
                User.self, codec: CacheCodec.json, Data(#"{"id":"secret-17","name":"x","tags":[]}"#.utf8),
                operation: "get", key: "k")
            Issue.record("it was decoded")
        } catch {
            #expect(error.code == .undecodable)
            #expect("\(error)".contains(".id"))
            #expect(!"\(error)".contains("secret"))
        }
    }
}
