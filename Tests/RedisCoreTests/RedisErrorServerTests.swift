import Testing

@testable import RedisCore

@Suite struct `An error reply` {
    @Test(arguments: [
        ("LOADING Redis is loading the dataset in memory", RedisError.Code.loading),
        ("BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.", .busy),
        ("READONLY You can't write against a read only replica.", .readOnly),
        ("OOM command not allowed when used memory > 'maxmemory'.", .outOfMemory),
        ("NOSCRIPT No matching script. Please use EVAL.", .noScript),
        (
            "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk.",
            .misconfigured
        ),
        ("NOREPLICAS Not enough good replicas to write.", .noReplicas),
        ("MOVED 3999 127.0.0.1:6381", .moved), ("ASK 3999 127.0.0.1:6381", .ask),
        ("CLUSTERDOWN Hash slot not served", .clusterDown),
        ("TRYAGAIN Multiple keys request during rehashing of slot", .tryAgain),
        ("CROSSSLOT Keys in request don't hash to the same slot", .crossSlot),
        ("NOAUTH Authentication required.", .noAuthentication),
        ("WRONGPASS invalid username-password pair or user is disabled.", .wrongPassword),
        ("NOPERM this user has no permissions to run the 'get' command", .noPermission),
        ("WRONGTYPE Operation against a key holding the wrong kind of value", .wrongType),
        ("EXECABORT Transaction discarded because of previous errors.", .transactionRefused),
        ("BUSYGROUP Consumer Group name already exists", .groupExists),
        ("NOGROUP No such key 'jobs' or consumer group 'g' in XREADGROUP with GROUP option", .noGroup),
        ("ERR unknown command 'FOO', with args beginning with: ", .unknownCommand),
        ("ERR unknown command `FOO`, with args beginning with: `a`, ", .unknownCommand),
        ("ERR invalid password", .wrongPassword),
        ("ERR Client sent AUTH, but no password is set", .wrongPassword),
        (
            "ERR AUTH <password> called without any password configured for the default user. Are you sure?",
            .wrongPassword
        ),
        ("ERR value is not an integer or out of range", .server), ("SOMETHINGNEW of tomorrow", .server), ("", .server),
    ])
    func `gets its code from its first word`(reply: String, code: RedisError.Code) {
        #expect(RedisError.Code.from(serverReply: reply) == code)
        #expect(RedisError.Code.from(serverReply: "-" + reply) == code)
    }

    @Test(
        arguments: [
            ("ERR Error running script (call to f_e0): @user_script:1: WRONGTYPE Operation against a key", .wrongType),
            (
                "ERR Error running script (call to f_e0): @user_script:2: @user_script: 2: -OOM command not allowed",
                .outOfMemory
            ),
            ("ERR Error running script (call to f_e0): @user_script:1: NOSCRIPT said the script", .server),
            ("ERR Error running script (call to f_e0): @user_script:1: user_script:1: own words", .server),
            ("ERR Error running script (call to f_e0)", .server),
            (
                "WRONGTYPE Operation against a key holding the wrong kind of value script: e0, on @user_script:1.",
                .wrongType
            ),
        ] as [(String, RedisError.Code)])
    func `from inside a script keeps its code, on servers before and since 7.0`(reply: String, code: RedisError.Code) {
        #expect(RedisError.Code.from(serverReply: reply) == code)
    }

    @Test(arguments: [
        "ERR unknown command 'AUHT', with args beginning with: 'hunter2' ",
        "ERR unknown command `AUHT`, with args beginning with: `hunter2`, ",
        "ERR Error in ACL SETUSER modifier '>hunter2': Syntax error",
        "ERR Error in ACL SETUSER modifier '>it's hunter2': Syntax error",
        "ERR Error in ACL SETUSER modifier '>a' hunter2 'b': Syntax error",
        "ERR Error in ACL SETUSER modifier '>my script hunter2': Syntax error",
        "ERR Error in ACL SETUSER modifier '\u{301}hunter2': Syntax error",
        "ERR Error in ACL SETUSER modifier '>hunter2",
        "ERR unknown subcommand 'hunter2'. Try CLIENT HELP.",
        "NOPERM No permissions to access the 'hunter2' key",
    ])
    func `never repeats an argument`(reply: String) {
        let error = RedisError(serverReply: reply, operation: "ACL", address: "localhost:6379")
        #expect(!"\(error) \(error.serverMessage ?? "")".contains("hunter2"))
        #expect(error.serverMessage?.isEmpty == false)
    }

    @Test(arguments: [
        ("ERR wrong number of arguments for 'get' command", "ERR wrong number of arguments for 'get' command"),
        ("ERR unknown command 'FOO', with args beginning with: 'a' ", "ERR unknown command 'FOO'"),
        (
            "OOM command not allowed when used memory > 'maxmemory'.",
            "OOM command not allowed when used memory > 'maxmemory'."
        ),
        (
            "ERR CONFIG SET failed (possibly related to argument 'save') - argument couldn't be parsed",
            "ERR CONFIG SET failed (possibly related to argument '…') - argument couldn't be parsed"
        ),
        (
            "ERR user_script:1: Script attempted to access nonexistent global variable 'foo'",
            "ERR user_script:1: Script attempted to access nonexistent global variable 'foo'"
        ),
        ("ERR two\r\nlines\u{1b}[31m", "ERR two  lines [31m"),
    ])
    func `keeps the rest of the server's words, on one line`(reply: String, words: String) {
        #expect(RedisError(serverReply: reply, operation: "X", address: nil).serverMessage == words)
    }

    @Test func `of any length stays short`() {
        let reply = "ERR " + String(repeating: "x", count: 1_000_000)
        let message = RedisError(serverReply: reply, operation: "X", address: nil).serverMessage
        #expect(message?.unicodeScalars.count == ServerErrorText.limit + 1)
    }

    @Test func `leaves the effect unknown only when an earlier attempt was lost`() {
        let refused = RedisError(serverReply: "READONLY You can't write.", operation: "SET", address: nil)
        let unsent = RedisError(.timedOut, operation: "SET", message: "There was no connection in time.")
        let lost = RedisError(.connectionLost, operation: "SET", message: "Lost the connection.", wasWritten: true)
        #expect(lost.isEffectUnknown && !refused.isEffectUnknown && !unsent.isEffectUnknown)
        #expect(unsent.following(lost).isEffectUnknown && refused.following(lost).isEffectUnknown)
        #expect(refused.following(refused.following(lost)).isEffectUnknown)
    }

    @Test func `becomes an error that says what, where and what to do`() {
        let error = RedisError(serverReply: "LOADING Redis is loading", operation: "GET", address: "db:6379")
        #expect(error.code == .loading)
        #expect(error.operation == "GET")
        #expect(error.wasWritten)
        #expect(
            error.message
                == "GET was refused (LOADING Redis is loading): the server is reading its data set from disk; "
                + "wait until it has finished")
        #expect(error.description.contains("db:6379"))
        let plain = RedisError(serverReply: "ERR syntax error", operation: "SET", address: nil)
        #expect(plain.message == "SET failed: ERR syntax error")
        let full = RedisError(serverReply: "ERR max number of clients reached", operation: "connect", address: nil)
        #expect(full.code == .server && full.message.contains("raise maxclients"))
    }
}
