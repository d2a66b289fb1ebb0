import Foundation

/// A system call that failed in the test support.
public struct SocketError: Error, CustomStringConvertible {
    /// The call and the system's reason.
    public let description: String

    init(_ call: String, _ code: Int32 = errno) {
        description = "\(call): \(String(cString: strerror(code)))"
    }
}

/// The few socket calls that the raw client and the proxy share; blocking unless told otherwise.
enum Sockets {
    static func connect(to address: TestAddress) throws -> Int32 {
        let descriptor = try open(address)
        let result = withSocketAddress(address) { Foundation.connect(descriptor, $0, $1) }
        guard result == 0 else {
            let error = SocketError("connect to \(address)")
            close(descriptor)
            throw error
        }
        return descriptor
    }

    /// Listens on an address.
    static func listen(on address: TestAddress) throws -> Int32 {
        if case .unix(let path) = address { unlink(path) }
        let (descriptor, _) = try reserve(address)
        guard Foundation.listen(descriptor, 128) == 0 else {
            let error = SocketError("listen on \(address)")
            close(descriptor)
            throw error
        }
        return descriptor
    }

    /// Binds without listening, and returns the address with the port that was chosen.
    ///
    /// As long as the descriptor is open nobody else gets the port; who connects to it is refused.
    static func reserve(_ address: TestAddress) throws -> (descriptor: Int32, address: TestAddress) {
        let descriptor = try open(address)
        var on: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEPORT, &on, socklen_t(MemoryLayout<Int32>.size))
        guard withSocketAddress(address, { bind(descriptor, $0, $1) }) == 0 else {
            let error = SocketError("bind to \(address)")
            close(descriptor)
            throw error
        }
        guard case .tcp = address else { return (descriptor, address) }
        var name = sockaddr_in()
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        _ = withUnsafeMutablePointer(to: &name) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
        }
        return (descriptor, .tcp(port: Int(UInt16(bigEndian: name.sin_port))))
    }

    static func setNonBlocking(_ descriptor: Int32) {
        _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
    }

    static func setTimeout(_ descriptor: Int32, _ limit: Duration) {
        let (seconds, attoseconds) = limit.components
        var value = timeval()
        value.tv_sec = numericCast(seconds)
        value.tv_usec = numericCast(attoseconds / 1_000_000_000_000)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &value, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &value, socklen_t(MemoryLayout<timeval>.size))
    }

    /// Closes so that the peer sees a reset instead of an orderly end (TCP only).
    static func reset(_ descriptor: Int32) {
        var linger = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout<linger>.size))
        close(descriptor)
    }

    static func send(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer) -> Int {
        #if canImport(Darwin)
        Foundation.send(descriptor, bytes.baseAddress, bytes.count, 0)
        #else
        Foundation.send(descriptor, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL))
        #endif
    }

    static func configure(_ descriptor: Int32) {
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        var on: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
        #if canImport(Darwin)
        setsockopt(descriptor, SOL_SOCKET, SO_NOSIGPIPE, &on, socklen_t(MemoryLayout<Int32>.size))
        #endif
    }

    private static func open(_ address: TestAddress) throws -> Int32 {
        let family: Int32 = if case .unix = address { AF_UNIX } else { AF_INET }
        #if canImport(Darwin)
        let descriptor = socket(family, SOCK_STREAM, 0)
        #else
        let descriptor = socket(family, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        #endif
        guard descriptor >= 0 else { throw SocketError("socket") }
        configure(descriptor)
        return descriptor
    }

    private static func withSocketAddress(
        _ address: TestAddress, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32
    ) -> Int32 {
        switch address {
        case .tcp(let port):
            var name = sockaddr_in()
            name.sin_family = sa_family_t(AF_INET)
            name.sin_port = in_port_t(UInt16(truncatingIfNeeded: port)).bigEndian
            name.sin_addr.s_addr = in_addr_t(INADDR_LOOPBACK).bigEndian
            return rebound(&name, body)
        case .unix(let path):
            var name = sockaddr_un()
            name.sun_family = sa_family_t(AF_UNIX)
            withUnsafeMutableBytes(of: &name.sun_path) { $0.copyBytes(from: path.utf8.prefix($0.count - 1)) }
            return rebound(&name, body)
        }
    }

    private static func rebound<A>(_ name: inout A, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
        withUnsafePointer(to: &name) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<A>.size)) }
        }
    }
}
