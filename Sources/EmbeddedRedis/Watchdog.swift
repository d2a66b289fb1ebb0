import Foundation

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// A tiny shell process that ends the server and removes its folder when this process is gone, however it went.
///
/// It reads from a socket that only this process (and, until it has said its id, a starting server) holds open; the
/// end of that stream is the owner's death. `PR_SET_PDEATHSIG` would fire when the spawning *thread* ends, exists on
/// Linux alone, and cannot remove files.
final class Watchdog: Sendable {
    // PIPE comes when the owner is killed before it has read "ready".
    // $1: folder to make and remove, or ""; $2: socket to remove; $3: tenths of a second between TERM and KILL.
    // It reads "ID" when a server starts and "-ID" when it was reaped. A stopped server gets CONT, so that it can obey.
    private static let script = """
        trap '' HUP INT PIPE QUIT TERM
        cd /
        if [ -n "$1" ]; then mkdir -m 700 -- "$1" || exit 73; fi
        echo ready
        exec >/dev/null 2>&1
        server=0
        while read -r line; do
            case $line in
            -*) if [ "$server" = "${line#-}" ]; then server=0; fi ;;
            *) server=$line ;;
            esac
        done
        if [ "$server" -gt 0 ]; then
            kill -TERM "$server"
            kill -CONT "$server"
            tenths=0
            while [ "$tenths" -lt "$3" ] && kill -0 "$server"; do
                sleep 0.1
                tenths=$((tenths + 1))
            done
            kill -KILL -- "-$server"
        fi
        rm -f -- "$2"
        if [ -n "$1" ]; then rm -rf -- "$1"; fi
        """

    /// Given to a starting server as descriptor 3, so that it can announce its id itself.
    let announcements: Int32
    private let process: ChildProcess

    /// Returns when the folder exists and is watched over.
    init(makingFolder folder: String?, socket: String, lock: FolderLock?, budget: Duration) throws {
        let pair = try SocketPair()
        defer { close(pair.theirs) }
        let tenths = max(1, Int(budget / .milliseconds(100)))
        let arguments = ["/bin/sh", "-c", Self.script, "redis-watchdog", folder ?? "", socket, "\(tenths)"]
        do {
            process = try ChildProcess(
                arguments, descriptors: [pair.theirs, pair.theirs, pair.theirs] + (lock?.descriptors ?? []))
        } catch {
            close(pair.ours)
            throw error
        }
        announcements = pair.ours
        // Making a folder may hang (a dead network file system); whoever waits here blocks a thread.
        var limit = timeval(tv_sec: 10, tv_usec: 0)
        setsockopt(pair.ours, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        let answer = Self.readLine(pair.ours)
        guard answer == "ready" else {
            close(pair.ours)
            throw EmbeddedServerError(
                .directoryUnusable,
                "The folder \(folder ?? "of the server") cannot be made: \(answer). Check TMPDIR: permissions, space."
            )
        }
    }

    /// False when somebody killed it: a server started now would have nobody to end it.
    var isWatching: Bool { !process.hasExited }

    /// Says that a server was reaped, so that its id means nothing any more.
    func ended(_ server: ChildProcess) { SocketPair.send("-\(server.processID)\n", to: announcements) }

    /// Lets it clean up and returns when it is gone; called once.
    func finish() async {
        close(announcements)
        _ = await process.exit()
    }

    private static func readLine(_ descriptor: Int32) -> String {
        var line: [UInt8] = []
        var byte: UInt8 = 0
        while line.count < 500 {
            let count = read(descriptor, &byte, 1)
            if count < 0, errno == EINTR { continue }
            guard count == 1, byte != UInt8(ascii: "\n") else { break }
            line.append(byte)
        }
        return String(decoding: line, as: UTF8.self)
    }
}
