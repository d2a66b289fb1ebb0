import Foundation
import TestSupport

/// What the processes fight for.
enum TortureMode: String, CaseIterable, Sendable {
    case lock
    case fair
    case readWrite

    /// What its history has to be one of.
    var model: HistoryChecker.Model { self == .readWrite ? .readWrite : .fencedMutex }
    /// The key that stands for it.
    var key: String {
        switch self {
        case .lock: "signalbox:lock:{fight}"
        case .fair: "signalbox:fair:{fight}"
        case .readWrite: "signalbox:rw:{fight}"
        }
    }
}

/// A `lock-torture` process and the history it writes.
final class Fighter: Sendable {
    let pid: Int32
    private let process: Process
    private let history: URL

    init(_ server: RedisServer, number: Int, ttl: Duration, mode: TortureMode = .lock) throws {
        history = URL(filePath: server.directory).appending(path: "history-\(number).ndjson")
        process = Process()
        process.executableURL = try Self.executable()
        process.arguments = [server.url, "fight", "\(Int(ttl / .milliseconds(1)))", history.path(), mode.rawValue]
        process.standardInput = FileHandle.nullDevice
        try process.run()
        pid = process.processIdentifier
    }

    /// Beside the test bundle, where SwiftPM builds it.
    static func executable(_ name: String = "lock-torture") throws -> URL {
        var folder = URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent()
        for _ in 0..<4 {
            let file = folder.appending(path: name)
            if FileManager.default.isExecutableFile(atPath: file.path()) { return file }
            folder.deleteLastPathComponent()
        }
        throw TestTimeout("\(name) was not found near \(CommandLine.arguments[0])")
    }

    func stop() { kill(pid, SIGSTOP) }
    func resume() { kill(pid, SIGCONT) }

    func end() {
        kill(pid, SIGKILL)
        process.waitUntilExit()
    }

    /// What it has written so far, whole lines only.
    func events() throws -> [HistoryEvent] {
        guard let text = try? String(contentsOf: history, encoding: .utf8) else { return [] }
        let whole = text.lastIndex(of: "\n").map { text[..<$0] } ?? ""
        return try whole.split(separator: "\n").map { try JSONDecoder().decode(HistoryEvent.self, from: Data($0.utf8)) }
    }
}
