import Testing

@testable import EmbeddedRedis

@Suite struct StartFailureTests {
    @Test(arguments: [
        ("bind: Address already in use", EmbeddedServerError.Code.portInUse),
        ("Can't open the append-only file: No space left on device", .diskFull),
        ("*** FATAL CONFIG FILE ERROR (Redis 7.0.15) ***", .invalidOption),
        ("Can't chdir to '/x': Permission denied", .directoryUnusable),
        ("Can't open or create append-only dir: Read-only file system", .directoryUnusable),
        ("Segmentation fault", .startFailed),
    ])
    func `the server's last words become an error's code`(line: String, code: EmbeddedServerError.Code) {
        let failure = StartFailure(log: ["# Server started", line], exit: .code(1))
        let error = failure.error(executable: "/usr/bin/redis-server", folder: "/data", port: 6380)
        #expect(error.code == code)
        #expect(error.logTail.last == line)
        #expect("\(error)".contains(line))
    }

    @Test func `a full disk is recognised even when no log could be written`() {
        let failure = StartFailure(log: [], exit: .code(1), isDiskFull: true)
        let error = failure.error(executable: "/usr/bin/redis-server", folder: "/data", port: nil)
        #expect(error.code == .diskFull)
        #expect(error.message.contains("/data"))
    }

    @Test(arguments: [
        ("", ReadinessProbe.Answer.silent), ("-LOADING Redis is loading the dataset in memory\r\n", .loading),
        ("+PONG\r\n", .ready), ("-NOAUTH Authentication required.\r\n", .ready),
        ("HTTP/1.1 400 Bad Request\r\n", .silent),
    ])
    func `only a Redis server's answers count as ready`(reply: String, answer: ReadinessProbe.Answer) {
        #expect(ReadinessProbe.Answer(reply: reply) == answer)
    }
}
