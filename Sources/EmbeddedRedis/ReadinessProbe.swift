import Foundation

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// Asks a socket for a PING, with a client of ten lines: a server may be needed before `RedisCore` is.
enum ReadinessProbe {
    /// What a starting server is doing.
    enum Answer: Equatable {
        /// Nobody listens, or no answer came in time.
        case silent
        /// It reads its data set: come back later, for as long as it takes.
        case loading
        /// It serves commands (or wants a password first).
        case ready

        init(reply: String) {
            if reply.isEmpty {
                self = .silent
            } else if reply.hasPrefix("-LOADING") {
                self = .loading
            } else if reply.hasPrefix("+PONG") || reply.hasPrefix("-NOAUTH") || reply.hasPrefix("-NOPERM") {
                self = .ready
            } else {
                self = .silent
            }
        }
    }

    /// Asks once, on a thread of its own, as the answer may take up to a second.
    static func ask(unix path: String) async -> Answer {
        await onThread { ask(connectUnix(path)) }
    }

    /// Asks once on a port of 127.0.0.1.
    static func ask(port: Int) async -> Answer {
        await onThread { ask(connectLoopback(port)) }
    }

    /// A port of 127.0.0.1 on which nobody listens just now.
    static func freePort() throws -> Int {
        let descriptor = openSocket(AF_INET)
        defer { close(descriptor) }
        var address = loopback(port: 0)
        let bound = withSocketAddress(&address) { bind(descriptor, $0, $1) }
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let named = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
        }
        guard bound == 0, named == 0 else { throw Spawn.Failure(call: "bind 127.0.0.1", errno: errno) }
        return Int(UInt16(bigEndian: address.sin_port))
    }

    private static func onThread(_ body: @escaping @Sendable () -> Answer) async -> Answer {
        await withCheckedContinuation { continuation in
            Thread.detachNewThread { continuation.resume(returning: body()) }
        }
    }

    private static func ask(_ descriptor: Int32) -> Answer {
        guard descriptor >= 0 else { return .silent }
        defer { close(descriptor) }
        var limit = timeval(tv_sec: 1, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        SocketPair.send("PING\r\n", to: descriptor)
        var buffer = [UInt8](repeating: 0, count: 256)
        let count = recv(descriptor, &buffer, buffer.count, 0)
        return Answer(reply: String(decoding: buffer.prefix(max(0, count)), as: UTF8.self))
    }

    private static func connectUnix(_ path: String) -> Int32 {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8.prefix($0.count - 1)) }
        return connected(openSocket(AF_UNIX), &address)
    }

    private static func connectLoopback(_ port: Int) -> Int32 {
        var address = loopback(port: port)
        return connected(openSocket(AF_INET), &address)
    }

    private static func connected<A>(_ descriptor: Int32, _ address: inout A) -> Int32 {
        guard withSocketAddress(&address, { connect(descriptor, $0, $1) }) == 0 else {
            close(descriptor)
            return -1
        }
        return descriptor
    }

    private static func loopback(port: Int) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(UInt16(truncatingIfNeeded: port)).bigEndian
        address.sin_addr.s_addr = in_addr_t(INADDR_LOOPBACK).bigEndian
        return address
    }

    private static func openSocket(_ family: Int32) -> Int32 {
        #if canImport(Darwin)
        let descriptor = socket(family, SOCK_STREAM, 0)
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        var on: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_NOSIGPIPE, &on, socklen_t(MemoryLayout<Int32>.size))
        return descriptor
        #else
        return socket(family, SocketPair.closedOnExec, 0)
        #endif
    }

    private static func withSocketAddress<A>(
        _ address: inout A, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32
    ) -> Int32 {
        withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<A>.size)) }
        }
    }
}
