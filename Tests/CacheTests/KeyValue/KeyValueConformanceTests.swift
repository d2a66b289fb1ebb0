import Cache
import FoundationEssentials
import TestSupport
import Testing

/// What every store promises, asked of each of them.
@Suite struct KeyValueConformanceTests {
    @Test(arguments: StoreSort.allCases)
    func `structs with nested fields and dates, dictionaries, arrays, numbers and texts come back`(
        _ sort: StoreSort
    ) async throws {
        try await sort.withStore { subject in
            let store = subject.store
            let profile = UserProfile.john
            try await store.set("profile:123", profile, ttl: .cached)
            #expect(try await store.get("profile:123") == profile)
            try await store.set("map", ["id": "123", "name": "John"])
            #expect(try await store.get("map", as: [String: String].self) == ["id": "123", "name": "John"])
            try await store.set("user:123:tags", ["go", "redis", "cache"], ttl: .long)
            #expect(try await store.get("user:123:tags", as: [String].self) == ["go", "redis", "cache"])
            try await store.set("counter", 42)
            #expect(try await store.get("counter", as: Int.self) == 42)
            try await store.set("message", "Hello, World!", ttl: .temporary)
            #expect(try await store.get("message", as: String.self) == "Hello, World!")
            try await store.set("bytes", Data([0xFB, 0, 0xFF]))
            #expect(try await store.get("bytes", as: Data.self) == Data([0xFB, 0, 0xFF]))
            try await store.set("yes", true)
            #expect(try await store.get("yes", as: Bool.self))
        }
    }

    @Test(arguments: StoreSort.allCases)
    func `a missing key is nil for find and notFound for get`(_ sort: StoreSort) async throws {
        try await sort.withStore { subject in
            let found = try await subject.store.find("user:1", as: User.self)
            #expect(found == nil)
            let error = await expectError(.notFound) { try await subject.store.get("user:1", as: User.self) }
            #expect(error?.key == "user:1")
        }
    }

    @Test(arguments: StoreSort.allCases)
    func `another type is undecodable, neither a miss nor an outage`(_ sort: StoreSort) async throws {
        try await sort.withStore { subject in
            let store = subject.store
            try await store.set("user:1", User(id: 1, name: "a secret name"))
            try await store.set("text", "a secret text")
            for (key, isNumber) in [("user:1", false), ("text", true)] {
                let error = await expectError(.undecodable) {
                    if isNumber {
                        _ = try await store.find(key, as: Int.self)
                    } else {
                        _ = try await store.get(key, as: [String].self)
                    }
                }
                #expect(error.map { !"\($0)".contains("secret") } ?? false)
            }
        }
    }

    @Test(arguments: StoreSort.allCases)
    func `a value without a time to live stays, one with a time to live goes`(_ sort: StoreSort) async throws {
        try await sort.withStore { subject in
            let store = subject.store
            try await store.set("brief", 1, ttl: StoreSort.brief)
            try await store.set("permanent", 1)
            try await store.set("default", 1, ttl: .default)
            try await subject.outlive("brief")
            #expect(try await store.find("brief", as: Int.self) == nil)
            #expect(try await store.find("permanent", as: Int.self) == 1)
            #expect(try await store.find("default", as: Int.self) == 1)
            #expect(try await store.keys().sorted() == ["default", "permanent"])
            #expect(try await store.deleteKeys("brief", "permanent") == 1)
        }
    }

    @Test(arguments: StoreSort.allCases)
    func `the default time to live is the store's`(_ sort: StoreSort) async throws {
        try await sort.withStore(defaultTTL: StoreSort.brief) { subject in
            try await subject.store.set("a", 1, ttl: .default)
            try await subject.store.set("b", 1)
            try await subject.outlive("a")
            #expect(try await subject.store.keys() == ["b"])
        }
    }

    @Test(arguments: StoreSort.allCases)
    func `storing again begins a new life`(_ sort: StoreSort) async throws {
        try await sort.withStore { subject in
            let store = subject.store
            try await store.set("a", 1, ttl: StoreSort.brief)
            try await store.set("a", 2)
            try await store.set("b", 1, ttl: StoreSort.brief)
            try await subject.outlive("b")
            #expect(try await store.find("a") == 2)
        }
    }

    @Test(arguments: StoreSort.allCases)
    func `a time to live below a millisecond or without sense is refused`(_ sort: StoreSort) async throws {
        try await sort.withStore { subject in
            for ttl: Duration in [.zero, .microseconds(999), .seconds(-1), .seconds(11 * 365 * 86_400)] {
                await expectError(.invalidArgument) { try await subject.store.set("a", 1, ttl: .after(ttl)) }
            }
            let keys = try await subject.store.keys()
            #expect(keys.isEmpty)
        }
    }

    @Test(arguments: StoreSort.allCases)
    func `delete tells whether there was something, and twice is once`(_ sort: StoreSort) async throws {
        try await sort.withStore { subject in
            let store = subject.store
            try await store.set("a", 1)
            #expect(try await store.delete("a"))
            #expect(try await !store.delete("a"))
            #expect(try await store.find("a", as: Int.self) == nil)
        }
    }

    @Test(arguments: StoreSort.allCases)
    func `deleteKeys takes names or an array and counts what there was`(_ sort: StoreSort) async throws {
        try await sort.withStore { subject in
            let store = subject.store
            for id in 1...5 { try await store.set("user:\(id)", id) }
            #expect(try await store.deleteKeys("user:1", "user:2", "user:9", "user:1") == 2)
            #expect(try await store.deleteKeys(["user:3", "user:4"]) == 2)
            #expect(try await store.keys() == ["user:5"])
        }
    }

    @Test(arguments: StoreSort.allCases)
    func `keys are found by pattern, without the prefix`(_ sort: StoreSort) async throws {
        try await sort.withStore { subject in
            let store = subject.store
            let all = ["user:1", "user:2", "user:1:profile", "session:abc123", "session:abd", "cache:x", "user"]
            for key in all { try await store.set(key, 1) }
            func found(_ pattern: CachePattern) async throws -> [String] {
                try await store.keys(matching: pattern).sorted()
            }
            #expect(try await found("user:*") == ["user:1", "user:1:profile", "user:2"])
            #expect(try await found("session:abc*") == ["session:abc123"])
            #expect(try await found("user:*:profile") == ["user:1:profile"])
            #expect(try await found("user:?") == ["user:1", "user:2"])
            #expect(try await found("session:ab[a-c]*") == ["session:abc123"])
            #expect(try await found("session:ab[^a-c]*") == ["session:abd"])
            #expect(try await found("*") == all.sorted())
            #expect(try await found("myapp:*") == [])
            #expect(try await found("") == [])
            #expect(try await store.deleteKeys(matching: "user:*") == 3)
            #expect(try await store.keys().count == 4)
        }
    }

    @Test(arguments: StoreSort.allCases)
    func `keys may have any characters, and those that look alike are different`(_ sort: StoreSort) async throws {
        try await sort.withStore { subject in
            let store = subject.store
            // The last two are the same text for Swift, and different bytes.
            let names = [
                "a b", "{a}", "a*", "a?", "[a]", "a\\", "50%", "%2A", "a\r\nb", "\u{0}", "日本", "caf\u{E9}",
                "cafe\u{301}",
            ]
            for (index, name) in names.enumerated() { try await store.set(name, index) }
            for (index, name) in names.enumerated() { #expect(try await store.get(name) == index) }
            let found = try await store.keys().map { Array($0.utf8) }
            #expect(Set(found) == Set(names.map { Array($0.utf8) }))
            #expect(found.count == names.count)
            #expect(try await store.deleteKeys(names) == names.count)
        }
    }

    @Test(arguments: StoreSort.allCases)
    func `empty and endless keys are refused, and then nothing is deleted`(_ sort: StoreSort) async throws {
        try await sort.withStore { subject in
            let store = subject.store
            try await store.set("a", 1)
            for name in ["", String(repeating: "x", count: 1_025)] {
                await expectError(.invalidArgument) { try await store.set(name, 1) }
                await expectError(.invalidArgument) { try await store.find(name, as: Int.self) }
                await expectError(.invalidArgument) { try await store.delete(name) }
                await expectError(.invalidArgument) { try await store.deleteKeys("a", name) }
            }
            #expect(try await store.keys() == ["a"])
        }
    }

    @Test(arguments: StoreSort.allCases)
    func `a value above the guard is refused and the old one stays`(_ sort: StoreSort) async throws {
        try await sort.withStore(maxValueBytes: 10) { subject in
            try await subject.store.set("a", "0123456789")
            await expectError(.tooLarge) { try await subject.store.set("a", "0123456789x") }
            #expect(try await subject.store.get("a") == "0123456789")
        }
    }

    @Test(arguments: StoreSort.allCases)
    func `what cannot be turned into bytes is unencodable`(_ sort: StoreSort) async throws {
        try await sort.withStore { subject in
            await expectError(.unencodable) { try await subject.store.set("a", Double.nan) }
        }
    }

    @Test(arguments: StoreSort.allCases)
    func `options that cannot work are told by every call`(_ sort: StoreSort) async throws {
        try await sort.withStore(defaultTTL: .after(.zero)) { subject in
            let store = subject.store
            await expectError(.invalidArgument) { try await store.set("a", 1) }
            await expectError(.invalidArgument) { try await store.find("a", as: Int.self) }
            await expectError(.invalidArgument) { try await store.deleteKeys([]) }
            await expectError(.invalidArgument) { try await store.keys() }
        }
    }
}

/// The document's example.
struct UserProfile: Codable, Sendable, Equatable {
    struct Metadata: Codable, Sendable, Equatable {
        var createdAt: Date
        var updatedAt: Date
    }

    var id: Int
    var name: String
    var settings: [String: String]
    var tags: [String]
    var metadata: Metadata

    static let john = UserProfile(
        id: 123, name: "John Doe", settings: ["theme": "dark", "lang": "en"], tags: ["premium", "verified"],
        metadata: Metadata(
            createdAt: Date(timeIntervalSince1970: 1_700_000_000),
            updatedAt: Date(timeIntervalSince1970: 1_700_000_000.5)))
}
