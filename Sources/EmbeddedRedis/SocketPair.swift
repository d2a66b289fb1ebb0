import Foundation

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// Two connected stream sockets: like a pipe that answers, and that reports a dead reader without SIGPIPE.
struct SocketPair {
    let ours: Int32
    let theirs: Int32

    init() throws {
        var ends: [Int32] = [-1, -1]
        #if canImport(Darwin)
        guard socketpair(AF_UNIX, SOCK_STREAM, 0, &ends) == 0 else {
            throw Spawn.Failure(call: "socketpair", errno: errno)
        }
        var on: Int32 = 1
        for end in ends {
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
            setsockopt(end, SOL_SOCKET, SO_NOSIGPIPE, &on, socklen_t(MemoryLayout<Int32>.size))
        }
        #else
        guard socketpair(AF_UNIX, Self.closedOnExec, 0, &ends) == 0 else {
            throw Spawn.Failure(call: "socketpair", errno: errno)
        }
        #endif
        ours = ends[0]
        theirs = ends[1]
    }

    #if canImport(Glibc)
    /// A stream socket's type with the flag that keeps it from children.
    static let closedOnExec = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
    #elseif !canImport(Darwin)
    /// A stream socket's type with the flag that keeps it from children.
    static let closedOnExec = SOCK_STREAM | SOCK_CLOEXEC
    #endif

    /// Sends a short text; a reader that is gone is not an error.
    static func send(_ text: String, to descriptor: Int32) {
        #if canImport(Darwin)
        let flags: Int32 = 0
        #else
        let flags = Int32(MSG_NOSIGNAL)
        #endif
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let sent = bytes.withUnsafeBytes { Foundation.send(descriptor, $0.baseAddress, $0.count, flags) }
            if sent < 0, errno == EINTR { continue }
            guard sent > 0 else { return }
            bytes = bytes.dropFirst(sent)
        }
    }
}
