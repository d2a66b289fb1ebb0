public import Foundation
import Synchronization

/// A minimal HTTP/1.1 server on loopback, with a thread for each connection: for what sends requests.
public final class HTTPListener: Sendable {
    /// What a client sent.
    public struct Request: Sendable {
        /// Such as `POST`.
        public let method: String
        /// Path and query.
        public let target: String
        /// By their names in lower case.
        public let headers: [String: String]
        /// As long as `Content-Length` says.
        public let body: Data
    }

    /// What a client gets.
    public enum Answer: Sendable {
        /// A status, headers and so many bytes.
        case status(Int, headers: [String: String] = [:], body: Int = 0)
        /// A status, the begin of a terabyte, and no more until it goes away.
        case endless(Int)
        /// Nothing, until it goes away.
        case silence
        /// A reset.
        case reset
    }

    private struct State {
        var requests: [Request] = []
        var open: Set<Int32> = []
        var isStopped = false
        var isListeningClosed = false
    }

    /// Where it listens.
    public let port: Int
    private let listening: Int32
    private let answer: @Sendable (Request, Int) -> Answer
    private let state = Mutex(State())

    /// Listens; `answer` gets each request and its number, from 1.
    public init(_ answer: @escaping @Sendable (Request, Int) -> Answer) throws {
        let (descriptor, address) = try Sockets.reserve(.tcp(port: 0))
        guard case .tcp(let port) = address, listen(descriptor, 128) == 0 else {
            close(descriptor)
            throw SocketError("listen")
        }
        (listening, self.port, self.answer) = (descriptor, port, answer)
        Thread.detachNewThread { self.accept() }
    }

    /// What came until now, in order.
    public var requests: [Request] { state.withLock(\.requests) }
    /// Connections that neither side has closed.
    public var connections: Int { state.withLock(\.open.count) }

    /// Ends all connections.
    public func stop() {
        state.withLock { state in
            state.isStopped = true
            // The threads close what they serve; shutting down wakes them. Within the lock, as a descriptor that was
            // closed may be another test's by now.
            for descriptor in state.open { shutdown(descriptor, Int32(SHUT_RDWR)) }
            if !state.isListeningClosed { shutdown(listening, Int32(SHUT_RDWR)) }
        }
    }

    private func accept() {
        while true {
            let descriptor = Foundation.accept(listening, nil, nil)
            guard descriptor >= 0 else {
                if errno == EINTR || errno == ECONNABORTED { continue }
                break
            }
            Sockets.configure(descriptor)
            let isStopped = state.withLock { state in
                if !state.isStopped { state.open.insert(descriptor) }
                return state.isStopped
            }
            if isStopped {
                close(descriptor)
            } else {
                Thread.detachNewThread { self.serve(descriptor) }
            }
        }
        state.withLock { state in
            state.isListeningClosed = true
            close(listening)
        }
    }

    private func serve(_ descriptor: Int32) {
        var input = Data()
        var isOpen = true
        while isOpen, let request = read(descriptor, &input) {
            let number = state.withLock { state in
                state.requests.append(request)
                return state.requests.count
            }
            switch answer(request, number) {
            case .status(let status, let headers, let body):
                isOpen = send(descriptor, status, headers, length: body, body)
            case .endless(let status):
                isOpen = false
                if send(descriptor, status, [:], length: 1 << 40, 64 << 10) { _ = more(descriptor) }
            case .silence:
                isOpen = false
                _ = more(descriptor)
            case .reset:
                state.withLock { _ = $0.open.remove(descriptor) }
                return Sockets.reset(descriptor)
            }
        }
        // Before another connection can get its number.
        state.withLock { _ = $0.open.remove(descriptor) }
        close(descriptor)
    }

    private func read(_ descriptor: Int32, _ input: inout Data) -> Request? {
        let end = Data("\r\n\r\n".utf8)
        var head = input.range(of: end)
        while head == nil {
            guard let bytes = more(descriptor) else { return nil }
            input += bytes
            head = input.range(of: end)
        }
        guard let head else { return nil }
        let lines = String(decoding: input[..<head.lowerBound], as: UTF8.self).components(separatedBy: "\r\n")
        let parts = lines[0].split(separator: " ").map(String.init)
        guard parts.count == 3 else { return nil }
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: ":") else { continue }
            let value = line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
            headers[line[..<colon].lowercased()] = value
        }
        let length = headers["content-length"].flatMap { Int($0) } ?? 0
        if headers["expect"] != nil { _ = write(descriptor, Data("HTTP/1.1 100 Continue\r\n\r\n".utf8)) }
        var body = Data(input[head.upperBound...])
        while body.count < length {
            guard let bytes = more(descriptor) else { return nil }
            body += bytes
        }
        input = Data(body.dropFirst(length))
        return Request(method: parts[0], target: parts[1], headers: headers, body: Data(body.prefix(length)))
    }

    /// nil when the client has gone.
    private func more(_ descriptor: Int32) -> Data? {
        var bytes = Data(count: 16 << 10)
        let count = bytes.withUnsafeMutableBytes { recv(descriptor, $0.baseAddress, $0.count, 0) }
        return count > 0 ? bytes.prefix(count) : nil
    }

    private func send(
        _ descriptor: Int32, _ status: Int, _ headers: [String: String], length: Int, _ body: Int
    ) -> Bool {
        var head = "HTTP/1.1 \(status) Status\r\nContent-Length: \(length)\r\n"
        for (name, value) in headers { head += "\(name): \(value)\r\n" }
        guard write(descriptor, Data((head + "\r\n").utf8)) else { return false }
        let chunk = Data(repeating: UInt8(ascii: "x"), count: 64 << 10)
        var left = body
        while left > 0 {
            guard write(descriptor, chunk.prefix(left)) else { return false }
            left -= min(left, chunk.count)
        }
        return true
    }

    private func write(_ descriptor: Int32, _ data: Data) -> Bool {
        var rest = data[...]
        while !rest.isEmpty {
            let sent = rest.withUnsafeBytes { Sockets.send(descriptor, $0) }
            guard sent > 0 else { return false }
            rest = rest.dropFirst(sent)
        }
        return true
    }
}

/// A listener that is stopped at the end.
@discardableResult
public func withHTTPListener<T>(
    isolation: isolated (any Actor)? = #isolation,
    answering answer: @escaping @Sendable (HTTPListener.Request, Int) -> HTTPListener.Answer,
    _ body: (HTTPListener) async throws -> T
) async throws -> T {
    let listener = try HTTPListener(answer)
    defer { listener.stop() }
    return try await body(listener)
}

/// A port of loopback that nobody listens on, for as long as the body runs.
@discardableResult
public func withClosedPort<T>(
    isolation: isolated (any Actor)? = #isolation, _ body: (Int) async throws -> T
) async throws -> T {
    let (descriptor, address) = try Sockets.reserve(.tcp(port: 0))
    defer { close(descriptor) }
    guard case .tcp(let port) = address else { throw SocketError("bind") }
    return try await body(port)
}
