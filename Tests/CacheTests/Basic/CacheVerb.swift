import Foundation
import Testing

/// Every verb of a cache in `Sources/Cache/Basic` and `Sources/Cache/Tags`: each has a lost reply in
/// `VerbLostReplyTests` and a cost in `VerbRoundTripTests`.
///
/// `remember` and its kin, and `writeThrough`, have suites of their own.
enum CacheVerb: String, CaseIterable, CustomTestStringConvertible {
    case get, getDefault, lookup, getMany, exists, existing, ttl, keys, scan
    case set, add, replace, setMany, delete, deleteMany, deleteMatching, flush, rename
    case getAndDelete, compareAndSet, compareAndDelete
    case increment, decrement, incrementFraction, decrementFraction
    case expireAfter, expireAt, persist, touch
    case invalidate, invalidateAll, clear, reap

    var testDescription: String { rawValue }

    /// As it is declared.
    var signature: String {
        switch self {
        case .get: "get(_:as:tags:)"
        case .getDefault: "get(_:default:tags:)"
        case .lookup: "lookup(_:as:tags:)"
        case .getMany: "getMany(_:as:)"
        case .exists: "exists(_:)"
        case .existing: "existing(_:)"
        case .ttl: "ttl(_:)"
        case .keys: "keys(matching:)"
        case .scan: "scan(matching:pageSize:)"
        case .set, .add, .replace: "\(rawValue)(_:_:ttl:tags:)"
        case .setMany: "setMany(_:ttl:tags:)"
        case .delete: "delete(_:)"
        case .deleteMany: "deleteMany(_:)"
        case .deleteMatching: "deleteMany(matching:)"
        case .flush: "flush()"
        case .rename: "rename(_:to:)"
        case .getAndDelete: "getAndDelete(_:as:)"
        case .compareAndSet: "compareAndSet(_:expected:new:ttl:tags:)"
        case .compareAndDelete: "compareAndDelete(_:expected:)"
        case .increment, .incrementFraction: "increment(_:by:ttl:)"
        case .decrement, .decrementFraction: "decrement(_:by:ttl:)"
        case .expireAfter: "expire(_:after:)"
        case .expireAt: "expire(_:at:)"
        case .persist: "persist(_:)"
        case .touch: "touch(_:)"
        case .invalidate: "invalidate(tags:)"
        case .invalidateAll: "invalidateAll(tags:)"
        case .clear: "clear()"
        case .reap: "reap(page:atMost:)"
        }
    }

    /// What a cache also has, and what asks Redis for nothing.
    static let others = ["namespace(_:options:)", "redisKey(_:)", "tenant(_:options:)", "with(_:)"]
}

@Suite struct CacheVerbTests {
    @Test func `every public function of the cache is a verb with a lost reply and a cost`() throws {
        let sources = URL(filePath: #filePath).deletingLastPathComponent().appending(
            path: "../../../Sources/Cache", directoryHint: .isDirectory)
        var declared: [String] = []
        for folder in ["Basic", "Tags"] {
            let folder = sources.appending(path: folder)
            for file in try FileManager.default.contentsOfDirectory(atPath: folder.path) {
                guard file.hasPrefix("RedisCache") else { continue }
                declared += Self.signatures(try String(contentsOf: folder.appending(path: file), encoding: .utf8))
            }
        }
        #expect(declared.sorted() == (CacheVerb.allCases.map(\.signature) + CacheVerb.others).sorted())
    }

    @Test func `declarations are read as the compiler names them`() {
        let source = """
            public func a() {}
                public func b<T: Codable & Sendable>(
                    _ key: String, by amount: [Int: (Int, Int)] = [:], _ body: () async throws -> T?
                ) async throws -> T {}
            func hidden() {}
            """
        #expect(Self.signatures(source) == ["a()", "b(_:by:_:)"])
    }

    private static func signatures(_ source: String) -> [String] {
        source.components(separatedBy: "public func ").dropFirst().map { text in
            let name = text.prefix { $0 != "(" && $0 != "<" }
            var labels: [Substring] = []
            var parameter = Substring()
            var depth = 0
            let list = text[(text.firstIndex(of: "(") ?? text.endIndex)...]
            for index in list.indices {
                let character = list[index]
                if depth == 1, character == "," || character == ")" {
                    if let label = parameter.split(whereSeparator: \.isWhitespace).first { labels.append(label) }
                    parameter = ""
                } else if depth > 0, character != ":" || depth > 1 {
                    parameter.append(character)
                } else if depth == 1 {
                    parameter.append(" ")
                }
                if "([".contains(character) { depth += 1 }
                if ")]".contains(character) { depth -= 1 }
                if depth == 0 { break }
            }
            return name + "(" + labels.map { $0 + ":" }.joined() + ")"
        }
    }
}
