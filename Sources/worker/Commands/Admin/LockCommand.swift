import ArgumentParser
import Coordination
import Foundation
import RedisCore

/// `worker lock`: looks at locks, and takes one from its holder.
struct LockCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lock",
        abstract: "Lists locks, shows one, frees one by force.",
        discussion: """
            Example:    worker lock ls 'payment:*'
                        worker lock release payment:7 --reason 'host is gone'
            """,
        subcommands: [LockListCommand.self, LockShowCommand.self, LockReleaseCommand.self])
}

/// Which keys locks have.
struct LockOptions: ParsableArguments {
    @OptionGroup var admin: AdminOptions
    @Option(
        help: ArgumentHelp(
            "Look at the plain keys that other programs use, PREFIX:NAME, instead of ours.", valueName: "prefix"))
    var plain: String?

    func locks(_ redis: RedisClient) -> Locks {
        Locks(redis, keys: plain.map { .plain(prefix: $0) } ?? .standard)
    }
}

struct LockListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ls", abstract: "Lists the locks that are held.",
        discussion: "Example:    worker lock ls 'payment:*' --json | jq -r .name")

    @OptionGroup var options: LockOptions
    @Argument(help: "A pattern of names, as Redis' KEYS has it.") var pattern = "*"

    func run() async throws {
        try await options.admin.withClient { redis in
            var table = TextTable("NAME", "HOLDER", "LEFT", "FENCE", "WAITING")
            var count = 0
            for try await lock in options.locks(redis).list(matching: pattern) {
                count += 1
                if options.admin.json { Terminal.print(lock.object.json) } else { lock.add(to: &table) }
            }
            guard !options.admin.json else { return }
            Terminal.print(count == 0 ? "no lock is held" : table.text(.output))
        }
    }
}

struct LockShowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Shows one lock, held or not.",
        discussion: "Example:    worker lock show payment:7")

    @OptionGroup var options: LockOptions
    @Argument(help: "The lock's name.") var name: String

    func run() async throws {
        try await options.admin.withClient { redis in
            let lock = try await options.locks(redis).inspect(name)
            var table = TextTable("NAME", "HOLDER", "LEFT", "FENCE", "WAITING")
            lock.add(to: &table)
            options.admin.print(table.text(.output), lock.object)
        }
    }
}

struct LockReleaseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "release", abstract: "Frees a lock whoever holds it; announced to its holder and to auditors.",
        discussion: """
            What the holder writes until it learns of that is only refused where its fencing token is checked.
            Example:    worker lock release payment:7 --reason 'host is gone' --yes
            """)

    @OptionGroup var options: LockOptions
    @OptionGroup var confirmation: Confirmation
    @Argument(help: "The lock's name.") var name: String
    @Option(help: "Whose decision it is; default: the name of the user.") var by: String?
    @Option(help: "Why.") var reason = ""
    @Option(help: "Which kind of lock: mutex, fair, readWrite.") var kind = Kind.mutex

    enum Kind: String, ExpressibleByArgument { case mutex, fair, readWrite }

    func validate() throws {
        guard options.plain != nil, kind != .mutex else { return }
        throw ValidationError("--plain and --kind \(kind.rawValue) exclude each other: only a mutex has plain keys")
    }

    func run() async throws {
        try confirmation.demand("Take the lock \(name) from its holder")
        try await options.admin.withClient { redis in
            let forced = try await release(redis, by: by ?? NSUserName())
            options.admin.print(
                forced?.text ?? "nobody held it",
                .object([
                    "name": .string(name), "released": .bool(forced != nil),
                    "previousHolder": .optional(forced?.previousHolder),
                    "previousFence": .optional((forced?.previousFence).map(Int.init)),
                    "readers": .optional(forced?.readers),
                ]))
        }
    }

    private func release(_ redis: RedisClient, by user: String) async throws -> ForcedRelease? {
        let who = user.isEmpty ? "worker lock release" : user
        return switch kind {
        case .mutex: try await options.locks(redis).forceRelease(name, by: who, reason: reason)
        case .fair: try await FairLocks(redis).forceRelease(name, by: who, reason: reason)
        case .readWrite: try await ReadWriteLocks(redis).forceRelease(name, by: who, reason: reason)
        }
    }
}

extension ForcedRelease {
    fileprivate var text: String {
        let holder = previousHolder.map { "\($0)…" } ?? "\(readers) readers"
        return "released; it was held by \(holder), fence \(previousFence)"
    }
}

extension LockState {
    fileprivate var object: JSONValue {
        .object([
            "name": .string(name), "key": .string(key), "isHeld": .bool(isHeld), "holder": .optional(holder),
            "millisecondsLeft": .optional(millisecondsLeft.map(Int.init)),
            "fencingToken": .optional(fencingToken.map(Int.init)), "waitingClients": .optional(waitingClients),
        ])
    }

    fileprivate func add(to table: inout TextTable) {
        let left = millisecondsLeft.map { Duration.milliseconds($0).brief }
        table.add(
            name, holder.map { $0 + "…" } ?? "free", left ?? (isHeld ? "for ever" : ""),
            fencingToken.map(String.init) ?? "", "\(waitingClients)")
    }
}
