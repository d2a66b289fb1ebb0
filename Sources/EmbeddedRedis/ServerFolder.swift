import Foundation

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// Where one server keeps its socket, log and data.
struct ServerFolder {
    let path: String
    /// Made by us and removed at the end, with everything in it.
    let isTemporary: Bool

    var socket: String { path + "/redis.sock" }
    var log: String { path + "/redis.log" }

    /// Longest path of a Unix socket: its address holds one byte more, for the terminating zero.
    static let socketPathLimit = MemoryLayout.size(ofValue: sockaddr_un().sun_path) - 1

    /// Names the folder; a given one is made and checked, a temporary one is left for the watchdog to make.
    init(_ given: String?) throws(EmbeddedServerError) {
        guard let given else {
            isTemporary = true
            path = Self.temporaryPath()
            return
        }
        isTemporary = false
        guard !given.isEmpty, !given.utf8.contains(0) else {
            throw EmbeddedServerError(.directoryUnusable, "The folder's path is empty or contains a zero byte.")
        }
        path = URL(filePath: given).standardizedFileURL.path(percentEncoded: false).droppingTrailingSlash
        let length = socket.utf8.count
        guard length <= Self.socketPathLimit else {
            throw EmbeddedServerError(
                .directoryUnusable,
                "The socket's path \(socket) has \(length) bytes, a Unix socket takes \(Self.socketPathLimit): "
                    + "choose a folder with a shorter path.")
        }
        try Self.prepare(path)
    }

    /// The last lines of the server's log.
    func logTail(_ count: Int = 8) -> [String] {
        guard let file = FileHandle(forReadingAtPath: log) else { return [] }
        defer { try? file.close() }
        let size = (try? file.seekToEnd()) ?? 0
        try? file.seek(toOffset: size > 8_192 ? size - 8_192 : 0)
        guard let data = try? file.readToEnd() else { return [] }
        return String(decoding: data, as: UTF8.self).split(separator: "\n").suffix(count).map(String.init)
    }

    /// True when not a single block is left for the server's user.
    var isDiskFull: Bool {
        var facts = statvfs()
        return statvfs(path, &facts) == 0 && facts.f_bavail == 0
    }

    /// Removes what the watchdog would remove; needed only when it was killed.
    func removeIfTemporary() {
        if isTemporary { try? FileManager.default.removeItem(atPath: path) }
    }

    private static func temporaryPath() -> String {
        let name = "/signalbox-" + String(UInt64.random(in: .min ... .max), radix: 36)
        let preferred = ProcessInfo.processInfo.environment["TMPDIR"].map(\.droppingTrailingSlash)
        let fits = preferred.map { $0.hasPrefix("/") && ($0 + name + "/redis.sock").utf8.count <= socketPathLimit }
        return (fits == true ? preferred ?? "/tmp" : "/tmp") + name
    }

    private static func prepare(_ path: String) throws(EmbeddedServerError) {
        do {
            var isDirectory: ObjCBool = false
            if !FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) {
                try FileManager.default.createDirectory(
                    atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
            } else if !isDirectory.boolValue {
                throw EmbeddedServerError(.directoryUnusable, "\(path) is a file, not a folder.")
            }
        } catch let error as EmbeddedServerError {
            throw error
        } catch {
            throw EmbeddedServerError(
                .directoryUnusable, "The folder \(path) cannot be made: check the path, its permissions and space.",
                underlying: error)
        }
        guard access(path, W_OK | X_OK) == 0 else { throw unusable(path, errno) }
    }

    static func unusable(_ path: String, _ errno: Int32) -> EmbeddedServerError {
        let reason = Spawn.Failure(call: "open", errno: errno).reason
        return EmbeddedServerError(
            .directoryUnusable, "The folder \(path) cannot be used: \(reason). Check its owner and permissions.")
    }
}

extension String {
    fileprivate var droppingTrailingSlash: String { count > 1 && hasSuffix("/") ? String(dropLast()) : self }
}
