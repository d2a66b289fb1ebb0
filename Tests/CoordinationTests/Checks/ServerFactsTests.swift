import Testing

@testable import Coordination

@Suite struct ServerFactsTests {
    private func codes(_ change: (inout ServerFacts) -> Void) -> [CoordinationFinding.Code] {
        var facts = ServerFacts()
        facts.maxMemory = "100"
        facts.evictionPolicy = "noeviction"
        facts.hasAppendOnlyFile = true
        facts.snapshots = "3600 1"
        facts.fsync = "everysec"
        facts.role = "master"
        facts.clock = .init(offset: .zero, uncertainty: .milliseconds(1))
        change(&facts)
        return facts.findings(clockThreshold: .seconds(1)).map(\.code)
    }

    @Test func `a good server has no findings, and neither has one that tells nothing`() {
        #expect(codes { _ in } == [])
        #expect(codes { $0 = ServerFacts() } == [])
        #expect(codes { $0 = ServerFacts(info: "nonsense") } == [])
    }

    @Test func `each fault is found`() {
        #expect(codes { $0.evictionPolicy = "allkeys-lru" } == [.evictionPolicy])
        #expect(codes { ($0.hasAppendOnlyFile, $0.snapshots) = (false, "") } == [.noPersistence])
        #expect(codes { $0.hasAppendOnlyFile = false } == [.snapshotsOnly])
        #expect(codes { $0.fsync = "no" } == [.lazyFsync])
        #expect(codes { $0.role = "slave" } == [.replica])
        #expect(codes { $0.clock?.offset = .seconds(-2) } == [.clockOffset])
        #expect(codes { $0.clock?.offset = .seconds(2) } == [.clockOffset])
    }

    @Test func `only a full server evicts, and only a certain offset counts`() {
        #expect(codes { ($0.evictionPolicy, $0.maxMemory) = ("allkeys-lru", "0") } == [])
        #expect(codes { $0.clock = .init(offset: .seconds(2), uncertainty: .seconds(1.5)) } == [])
    }

    @Test func `info is read`() {
        let facts = ServerFacts(
            info: "# Memory\r\nmaxmemory:100\r\nmaxmemory_policy:volatile-lru\r\naof_enabled:0\r\nrole:slave\r\n")
        #expect(facts.evictionPolicy == "volatile-lru" && facts.maxMemory == "100")
        #expect(facts.hasAppendOnlyFile == false && facts.role == "slave")
    }
}
