import RedisCore
import Testing

@testable import Coordination

@Suite struct CoordinationKeysTests {
    private func keys(_ naming: LockKeys = .standard, database: Int = 0, prefix: String = "app") -> CoordinationKeys {
        CoordinationKeys(RedisConfiguration(database: database, prefix: prefix), naming: naming)
    }

    @Test func `a lock, its fence and its channel share the name's hash tag`() throws {
        let lock = try keys(database: 3).lock("payment:7")
        #expect(lock == "app:lock:{payment:7}")
        #expect(keys(database: 3).fence(of: lock) == "app:lock:{payment:7}:fence")
        #expect(keys(database: 3).wakeChannel(lock) == "app:lock:{payment:7}:wake:3")
    }

    @Test func `the same name in another database or under another prefix has another channel`() throws {
        let one = keys(database: 0).wakeChannel(try keys(database: 0).lock("a"))
        let other = keys(database: 1).wakeChannel(try keys(database: 1).lock("a"))
        let prefixed = keys(prefix: "b").wakeChannel(try keys(prefix: "b").lock("a"))
        #expect(Set([one, other, prefixed]).count == 3)
    }

    @Test(arguments: [
        ("a}:lock:{b", "app:lock:{a%7D:lock:%7Bb}"), ("user*", "app:lock:{user%2A}"), ("100%", "app:lock:{100%25}"),
        ("[x]?\\", "app:lock:{%5Bx%5D%3F%5C}"), ("a\r\nb", "app:lock:{a%0D%0Ab}"), ("größe", "app:lock:{größe}"),
    ])
    func `a name can change neither the slot nor match a pattern`(name: String, key: String) throws {
        #expect(try keys().lock(name) == key)
    }

    @Test(arguments: ["", String(repeating: "x", count: 1_025)])
    func `empty and endless names are refused`(name: String) {
        #expect { try keys().lock(name) } throws: { ($0 as? CoordinationError)?.code == .invalidArgument }
        #expect { try keys().once(name) } throws: { ($0 as? CoordinationError)?.code == .invalidArgument }
    }

    @Test func `plain keys are what other programs use`() throws {
        let lock = try keys(.plain(prefix: "lock")).lock("order-123")
        #expect(lock == "lock:order-123")
        #expect(keys(.plain(prefix: "lock")).fence(of: lock) == "{lock:order-123}:fence")
    }

    @Test func `plain keys refuse braces, which would choose a slot`() {
        #expect { try keys(.plain(prefix: "lock")).lock("a{b}") } throws: {
            ($0 as? CoordinationError)?.code == .invalidArgument
        }
    }

    @Test func `every other lock's keys share its name's hash tag`() throws {
        let shared = try keys().readWrite("a}b").all.map(\.name)
        #expect(shared == ["", ":readers", ":writers", ":fence"].map { "app:rw:{a%7Db}" + $0 })
        let fair = try keys().fair("a").all.map(\.name)
        #expect(fair == ["", ":fence", ":queue", ":waiters"].map { "app:fair:{a}" + $0 })
        let quorum = try keys().quorum("a")
        #expect([quorum.lock, quorum.fence] == ["app:quorum:{a}", "app:quorum:{a}:fence"])
        for name in ["", String(repeating: "x", count: 1_025)] {
            #expect(throws: CoordinationError.self) { try keys().readWrite(name) }
            #expect(throws: CoordinationError.self) { try keys().fair(name) }
            #expect(throws: CoordinationError.self) { try keys().quorum(name) }
        }
    }

    @Test(arguments: ["a", "100%", "a}:lock:{b", "user*", "größe", "a\r\nb", "%41"])
    func `a lock's name is read back from its key`(name: String) throws {
        #expect(keys().lockName(try keys().lock(name)) == name)
        #expect(keys().lockName(keys().fence(of: try keys().lock(name))) == nil)
        #expect(keys(prefix: "other").lockName(try keys().lock(name)) == nil)
    }

    @Test func `a pattern reaches the names it means and no other prefix`() {
        #expect(keys(prefix: "a*").lockPattern("user:*") == "a\\*:lock:{user:*}")
        #expect(keys().lockPattern("\\*{%}") == "app:lock:{%2A%7B%25%7D}")
        #expect(keys(.plain(prefix: "l?")).lockPattern("x*") == "l\\?:x*")
    }

    @Test func `a guard lies in the slot of its resource`() throws {
        #expect(try CoordinationKeys.guardKey(of: "stock") == "{stock}:guard")
        #expect(try CoordinationKeys.guardKey(of: "stock:{7}") == "stock:{7}:guard")
        #expect(throws: CoordinationError.self) { try CoordinationKeys.guardKey(of: "a{}b") }
        #expect(throws: CoordinationError.self) { try CoordinationKeys.guardKey(of: "") }
    }
}
