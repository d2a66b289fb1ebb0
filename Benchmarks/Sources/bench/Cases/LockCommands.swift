import Coordination
import RedisCore

/// The two commands of one lock cycle exactly as `Coordination` sends them, taken from the server's MONITOR.
///
/// So the floor runs the same scripts with the same arguments, and keeps doing so when the scripts change.
struct LockCommands {
    let acquire: [[UInt8]]
    let release: [[UInt8]]

    /// Lets the client lock and unlock `count` names while listening in.
    static func capture(_ count: Int, from environment: Environment) throws -> [LockCommands] {
        let locks = Locks(environment.redis)
        let names = (0..<count).map { "floor-\(count)-\($0)" }
        try cycle(locks, names[0])  // from here on the server knows the scripts
        let monitor = try RawSession(port: environment.port)
        try monitor.command("MONITOR")
        for name in names { try cycle(locks, name) }
        try RawSession(port: environment.port).command("ECHO", endMark)

        var seen: [[[UInt8]]] = []
        while let line = try monitor.nextReply().text, !line.contains(endMark) {
            if let command = MonitorLine.arguments(of: line) { seen.append(command) }
        }
        let cycles = try names.map { name in
            let commands = seen.filter { $0.contains { String(decoding: $0, as: UTF8.self).contains("\(name)}") } }
            guard commands.count == 2 else {
                throw BenchmarkError("a lock cycle took \(commands.count) commands; the floor knows two")
            }
            return LockCommands(acquire: commands[0], release: commands[1])
        }
        try cycles[0].verify(on: environment)
        return cycles
    }

    private static let endMark = "bench-end-of-capture"

    private static func cycle(_ locks: Locks, _ name: String) throws {
        try blocking {
            guard let lease = try await locks.tryAcquire(name) else { throw BenchmarkError("\(name) is held") }
            try await lease.release()
        }
    }

    /// A replayed cycle must lock and unlock: its first key exists in between and not afterwards.
    private func verify(on environment: Environment) throws {
        let session = try RawSession(port: environment.port)
        guard acquire.count > 3 else { throw BenchmarkError("the acquire command has no key") }
        for _ in 0..<2 {
            try session.command(acquire)
            let held = try session.command([Array("EXISTS".utf8), acquire[3]]).integer
            try session.command(release)
            let left = try session.command([Array("EXISTS".utf8), acquire[3]]).integer
            guard held == 1, left == 0 else { throw BenchmarkError("the replayed lock cycle does not lock") }
        }
    }
}

/// A line of MONITOR: `1700000000.123456 [0 127.0.0.1:5000] "evalsha" "…"`.
enum MonitorLine {
    /// The command's arguments; nil for what a script did inside the server.
    static func arguments(of line: String) -> [[UInt8]]? {
        let bytes = Array(line.utf8)
        guard let bracket = bytes.firstIndex(of: UInt8(ascii: "]")), !line.contains(" lua] ") else { return nil }
        var arguments: [[UInt8]] = []
        var rest = bytes[(bracket + 1)...]
        while let quote = rest.firstIndex(of: UInt8(ascii: "\"")) {
            rest = rest[(quote + 1)...]
            arguments.append(unquote(&rest))
        }
        return arguments
    }

    /// Reads up to the closing quote and undoes the server's escapes.
    private static func unquote(_ rest: inout ArraySlice<UInt8>) -> [UInt8] {
        var argument: [UInt8] = []
        while let byte = rest.popFirst(), byte != UInt8(ascii: "\"") {
            guard byte == UInt8(ascii: "\\"), let escape = rest.popFirst() else {
                argument.append(byte)
                continue
            }
            switch escape {
            case UInt8(ascii: "n"): argument.append(0x0A)
            case UInt8(ascii: "r"): argument.append(0x0D)
            case UInt8(ascii: "t"): argument.append(0x09)
            case UInt8(ascii: "a"): argument.append(0x07)
            case UInt8(ascii: "b"): argument.append(0x08)
            case UInt8(ascii: "x"):
                let digits = String(decoding: rest.prefix(2), as: UTF8.self)
                rest = rest.dropFirst(2)
                argument.append(UInt8(digits, radix: 16) ?? 0)
            default: argument.append(escape)
            }
        }
        return argument
    }
}
