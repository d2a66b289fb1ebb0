extension RedisError {
    /// An error reply as an error: its code, the server's words without what they echo, and what to do about it.
    ///
    /// A server that refused a command did nothing, so ``wasWritten`` tells only that the command arrived.
    init(serverReply: String, operation: String, address: String?) {
        let code = Code.from(serverReply: serverReply)
        let words = ServerErrorText.withoutEchoes(serverReply)
        let advice = code.advice ?? ServerErrorText.advice(for: serverReply)
        let message = advice.map { "\(operation) was refused (\(words)): \($0)" } ?? "\(operation) failed: \(words)"
        self.init(
            code, operation: operation, message: message, serverMessage: words, address: address, wasWritten: true)
    }
}

extension RedisError.Code {
    /// The code of an error reply, told by its first word; some old servers need a look at the rest.
    static func from(serverReply: String) -> RedisError.Code {
        let word = ServerErrorText.firstWord(of: serverReply)
        if let code = byFirstWord[word] { return code }
        guard word == "ERR" else { return .server }
        let text = serverReply.drop { $0 != " " }.dropFirst().lowercased()
        if text.hasPrefix("unknown command") { return .unknownCommand }
        // Before 6.0 there was no WRONGPASS, and a superfluous password is an ERR to this day.
        if text.hasPrefix("invalid password") || text.hasPrefix("client sent auth, but no password is set")
            || text.hasPrefix("auth <password> called without any password configured")
        {
            return .wrongPassword
        }
        return text.hasPrefix("error running script") ? ofScriptFailure(serverReply) : .server
    }

    /// Before 7.0 a command that failed in a script came as `ERR Error running script (…): @user_script:1: OOM …`.
    private static func ofScriptFailure(_ reply: String) -> RedisError.Code {
        guard let place = reply.firstRange(of: "@user_script:") else { return .server }
        // The place stands there once or twice, as `@user_script:1:` and as `@user_script: 1:`.
        let word = reply[place.lowerBound...].split(separator: " ").first { !$0.hasSuffix(":") }
        guard let word, let code = byFirstWord[String(word.drop { $0 == "-" })] else { return .server }
        // Those three are about the script itself, which was found and did run.
        return [.noScript, .moved, .ask].contains(code) ? .server : code
    }

    private static let byFirstWord: [String: RedisError.Code] = [
        "LOADING": .loading, "BUSY": .busy, "READONLY": .readOnly, "OOM": .outOfMemory, "NOSCRIPT": .noScript,
        "MISCONF": .misconfigured, "NOREPLICAS": .noReplicas, "MOVED": .moved, "ASK": .ask,
        "CLUSTERDOWN": .clusterDown, "TRYAGAIN": .tryAgain, "CROSSSLOT": .crossSlot, "NOAUTH": .noAuthentication,
        "WRONGPASS": .wrongPassword, "NOPERM": .noPermission, "WRONGTYPE": .wrongType,
        "EXECABORT": .transactionRefused, "BUSYGROUP": .groupExists, "NOGROUP": .noGroup,
    ]

    /// What a person can do about a refusal of this kind; nil when the server's words must do.
    fileprivate var advice: String? {
        switch self {
        case .loading: "the server is reading its data set from disk; wait until it has finished"
        case .busy: "a script blocks the server; SCRIPT KILL ends it if it has written nothing"
        case .readOnly: "this server is a replica; connect to its master"
        case .outOfMemory: "the server is above maxmemory and may not evict; raise maxmemory or delete keys"
        case .noScript: "the server does not know the script; send its source with EVAL"
        case .misconfigured: "the server cannot save to disk and refuses writes; see its log, disk space and folder"
        case .noReplicas: "fewer replicas are attached than min-replicas-to-write asks for"
        case .moved, .ask: "another node of the cluster serves this key, and this client talks to one server only"
        case .clusterDown: "the cluster does not serve this slot; see CLUSTER INFO"
        case .tryAgain: "the keys are being moved between cluster nodes; repeat it later"
        case .crossSlot: "all keys of one command must share a {hash tag} in a cluster"
        case .noAuthentication: "the server wants a password; set one in the configuration or the URL"
        case .wrongPassword: "the server does not accept this user and password; check both"
        case .noPermission: "the ACL of this user forbids the command, a key or a channel; see ACL WHOAMI"
        case .wrongType: "the key holds a value of another type"
        case .transactionRefused: "a command of the transaction was refused, so none was executed"
        case .unknownCommand: "this server does not have the command; check its version and rename-command"
        default: nil
        }
    }
}
