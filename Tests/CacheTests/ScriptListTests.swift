import RedisCore
import Testing

@testable import Cache

/// T10 covers every script of the room: what stands in the sources and what the audits run are the same.
@Suite struct ScriptListTests {
    /// Each audit fails for a script of its list that it did not run.
    private static let audited =
        EntryKeyAuditTests.scripts + InvalidationAuditTests.scripts + IndexedKeyAuditTests.scripts
        + BoardKeyAuditTests.scripts + SessionKeyAuditTests.scripts

    /// Where scripts are made by a function of the file's own, which gives them their names.
    private static let makers: [String: String] = [
        "Sources/Cache/Indexed/IndexedScripts.swift": "", "Sources/Cache/Session/SessionScripts.swift": "session.",
    ]

    /// The names of the scripts that a file makes.
    private static func names(in path: String, _ text: String) throws -> [String] {
        let literal = text.matches(of: /\bRedisScript\(\s*"([A-Za-z.]+)"/).map { String($0.1) }
        let made = text.matches(of: /[^A-Za-z.]script\(\s*"([A-Za-z.]+)"/).map { String($0.1) }
        guard let prefix = makers[path] else {
            let all = text.matches(of: /\bRedisScript\(/).count
            #expect(literal.count == all && made.isEmpty, "\(path) makes a script whose name this test cannot read")
            return literal
        }
        #expect(literal.isEmpty && !made.isEmpty, "\(path) has changed")
        return made.map { prefix + $0 }
    }

    @Test func `every script in the sources is run by an audit, and no audit runs another`() throws {
        var found: Set<String> = []
        for path in try Checkout.sources("Sources/Cache") {
            found.formUnion(try Self.names(in: path, Checkout.text(path)))
        }
        let names = Set(Self.audited.map(\.name))
        #expect(found.subtracting(names) == [], "no audit runs these: add them to the list of one")
        #expect(names.subtracting(found) == [], "an audit lists what is not there")
        #expect(found.count > 40)
    }

    @Test func `a name is one text, which a log or a proxy can be asked for`() {
        let texts = Dictionary(grouping: Self.audited, by: \.name).mapValues { Set($0.map(\.sha)) }
        #expect(texts.filter { $0.value.count > 1 }.keys.sorted() == [])
        // Copies of one source are told apart by their names only where that means something: nowhere.
        #expect(Set(texts.values.flatMap(\.self)).count == texts.count)
    }

    @Test func `no script calls a command that lists all keys, blocks, or reads a clock twice`() {
        for script in Self.audited {
            let banned = script.source.matches(of: /redis\.p?call\('(KEYS|SCAN|FLUSHALL|FLUSHDB|RANDOMKEY)'/)
            #expect(banned.isEmpty, "\(script.name)")
            #expect(script.source.matches(of: /redis\.p?call\('TIME'\)/).count <= 1, "\(script.name)")
        }
    }
}
