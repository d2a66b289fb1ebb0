import Testing

@testable import Coordination

@Suite struct RequestFingerprintTests {
    @Test func `what differs in any part, or in how the parts divide, has another fingerprint`() {
        let all = [
            RequestFingerprint(method: "POST", path: "/a", body: [1]),
            RequestFingerprint(method: "PUT", path: "/a", body: [1]),
            RequestFingerprint(method: "POST", path: "/b", body: [1]),
            RequestFingerprint(method: "POST", path: "/a", body: [2]),
            RequestFingerprint(method: "POST", path: "/a", body: [1], further: ["x"]),
            RequestFingerprint(method: "POST", path: "/a", body: [1], further: ["", "x"]),
            RequestFingerprint(method: "POS", path: "T/a", body: [1]),
        ]
        #expect(Set(all).count == all.count)
        #expect(all[0] == RequestFingerprint(method: "POST", path: "/a", body: [1]))
    }
}
