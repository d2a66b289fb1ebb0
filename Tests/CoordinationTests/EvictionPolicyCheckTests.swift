import Testing

@testable import Coordination

@Suite struct EvictionPolicyCheckTests {
    @Test(arguments: [
        ("maxmemory:100\r\nmaxmemory_policy:allkeys-lru\r\n", true),
        ("maxmemory:0\r\nmaxmemory_policy:allkeys-lru\r\n", false),
        ("maxmemory:100\r\nmaxmemory_policy:noeviction\r\n", false), ("", false), ("nonsense", false),
    ])
    func `only a full server that evicts is a finding`(info: String, found: Bool) {
        #expect((EvictionPolicyCheck.finding(in: info) != nil) == found)
    }
}
