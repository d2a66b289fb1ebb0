import FoundationEssentials
import Services
import Testing

/// `docs/services.md` names every key of every type, with what may stand there and what holds without it.
@Suite struct ManualTests {
    private static let factories =
        ServiceFactory.all + [.sessionStore(of: String.self), .expirySweeper { _ in }]
    private static let connection = Array(ServiceFactory.redisClient.keys.filter { $0.path != "prefix" })

    private static func manual() throws -> String {
        let root = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        return try String(contentsOfFile: "/\(root)/docs/services.md", encoding: .utf8)
    }

    /// The rows of the table below a heading, up to the next heading: key, values, default.
    private static func rows(below heading: String, _ manual: String) throws -> [String] {
        let lines = manual.split(separator: "\n", omittingEmptySubsequences: false)
        let start = try #require(lines.firstIndex { $0 == "### \(heading)" }, "no heading '### \(heading)'")
        let part = lines[(start + 1)...].prefix { !$0.hasPrefix("#") }
        return part.filter { $0.hasPrefix("| `") }.map { line in
            line.split(separator: "|").prefix(3).map { String($0.trimmed) }.joined(separator: " | ")
        }
    }

    /// What the manual has to say; a default that a program cannot know stands there in words.
    private static func row(_ key: SettingKey, in rows: [String]) -> String {
        let start = "`\(key.path)` | \(key.form)"
        if key.isNeeded { return "\(start) | **needed**" }
        if let fallback = key.fallback { return "\(start) | `\(fallback)`" }
        return rows.first { $0.hasPrefix("\(start) | ") } ?? "\(start) | ?"
    }

    @Test(arguments: factories.map(\.type).filter { $0 != "kvrepository_redis" })
    func `the manual's table of a type has exactly its keys`(_ name: String) throws {
        let manual = try Self.manual()
        let type = try #require(Self.factories.first { $0.type == name })
        let rows = try Self.rows(below: "`\(type.type)`", manual)
        let known = type.keys.filter { key in !Self.connection.contains { $0.path == key.path } }
        #expect(rows == known.map { Self.row($0, in: rows) })
    }

    @Test func `the manual's table of the connection has exactly its keys`() throws {
        let rows = try Self.rows(below: "The connection", Self.manual())
        #expect(rows == Self.connection.map { Self.row($0, in: rows) })
    }

    @Test func `every type in Redis has the keys of the connection`() {
        for type in Self.factories where !["kvstore_memory", "expiry_sweeper"].contains(type.type) {
            let paths = Set(type.keys.map(\.path))
            #expect(Self.connection.allSatisfy { paths.contains($0.path) }, "\(type.type)")
        }
    }

    @Test func `the manual lists every type with what it gives`() throws {
        let manual = try Self.manual()
        for type in Self.factories { #expect(manual.contains("| `\(type.type)`"), "\(type.type)") }
    }
}

extension Substring {
    fileprivate var trimmed: Substring {
        drop { $0 == " " }.reversedDrop { $0 == " " }
    }

    private func reversedDrop(_ isDropped: (Character) -> Bool) -> Substring {
        var text = self
        while let last = text.last, isDropped(last) { text.removeLast() }
        return text
    }
}
