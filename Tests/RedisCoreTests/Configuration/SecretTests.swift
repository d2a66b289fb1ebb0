import RedisCore
import Testing

@Suite struct `A secret` {
    @Test func `prints itself nowhere`() {
        let secret = Secret("hunter2")
        var configuration = RedisConfiguration(password: secret)
        configuration.clientName = "visible"
        var dumped = ""
        dump(configuration, to: &dumped)
        let texts = [
            "\(secret)", String(reflecting: secret), "\(configuration)", String(reflecting: configuration), dumped,
        ]
        for text in texts { #expect(!text.contains("hunter2")) }
        #expect(dumped.contains("visible"))
    }

    @Test func `is equal to the same secret only`() {
        #expect(Secret("a") == Secret("a"))
        #expect(Secret("a") != Secret("b"))
    }
}
