/// The commands that make a fresh socket usable, and what their replies mean.
///
/// Pure.
struct Handshake {
    private enum Step { case authenticate, select, setName, serverInfo }

    private var steps: [Step] = []
    let commands: [RedisCommand]
    private(set) var serverInfo: ServerInfo?

    init(_ configuration: RedisConfiguration, role: String) {
        var commands: [RedisCommand] = []
        if let user = configuration.username {
            // A user without a password (`nopass`) takes any, the empty one too; without AUTH it would be the default
            // user.
            steps.append(.authenticate)
            commands.append(RedisCommand("AUTH", user, configuration.password?.value ?? ""))
        } else if let password = configuration.password {
            steps.append(.authenticate)
            commands.append(RedisCommand("AUTH", password.value))
        }
        if configuration.database != 0 {
            steps.append(.select)
            commands.append(RedisCommand("SELECT", configuration.database))
        }
        if let name = configuration.clientName {
            steps.append(.setName)
            commands.append(RedisCommand("CLIENT", "SETNAME", "\(name):\(role)"))
        }
        steps.append(.serverInfo)
        commands.append(RedisCommand("INFO", "server"))
        self.commands = commands
    }

    /// Takes the replies in order; throws what makes the connection useless.
    mutating func received(_ replies: [Result<RedisValue, RedisError>]) throws(RedisError) {
        for (step, reply) in zip(steps, replies) {
            switch (step, reply) {
            case (.authenticate, .failure(let error)), (.select, .failure(let error)): throw error
            // Asked without a password, or still loading: every command would fail the same way.
            case (.serverInfo, .failure(let error)) where error.code != .noPermission && error.code != .unknownCommand:
                throw error
            case (.serverInfo, .success(.bytes(let text))):
                serverInfo = ServerInfo(String(decoding: text, as: UTF8.self))
            case (_, .success), (.setName, .failure), (.serverInfo, .failure): break
            }
        }
    }
}
