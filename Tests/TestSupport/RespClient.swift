import Foundation
import Synchronization

/// A blocking Redis client for assertions: it shares no line with the code under test.
///
/// One connection, one command at a time, from any thread; a call gives up after its time limit.
public final class RespClient: Sendable {
    /// The connection ended, or the server did not answer in time.
    public struct Failure: Error, CustomStringConvertible {
        /// What happened.
        public let description: String
        /// The connection was gone: what was sent was not answered, and will not be.
        public var isDisconnect = false
    }

    private struct Connection {
        let descriptor: Int32
        var buffer: [UInt8] = []
        var position = 0
        var isBroken = false
    }

    private let connection: Mutex<Connection>

    /// Connects; calls give up after `timeout`.
    public init(_ address: TestAddress, timeout: Duration = .seconds(60)) throws {
        let descriptor = try Sockets.connect(to: address)
        Sockets.setTimeout(descriptor, timeout)
        connection = Mutex(Connection(descriptor: descriptor))
    }

    deinit { _ = connection.withLock { close($0.descriptor) } }

    /// Sends a command and returns its reply; error replies are values, not thrown.
    @discardableResult
    public func call(_ arguments: [String]) throws -> RespValue {
        try connection.withLock { connection in
            try Self.send(Self.encode(arguments), on: &connection)
            return try Self.receive(on: &connection)
        }
    }

    /// Sends a command and returns its reply; error replies are values, not thrown.
    @discardableResult
    public func callAsFunction(_ arguments: String...) throws -> RespValue { try call(arguments) }

    /// Sends bytes as they are.
    public func send(raw bytes: [UInt8]) throws {
        try connection.withLock { try Self.send(bytes, on: &$0) }
    }

    /// Reads the next reply or pushed message.
    public func receive() throws -> RespValue { try connection.withLock { try Self.receive(on: &$0) } }

    static func encode(_ arguments: [String]) -> [UInt8] {
        var bytes = Array("*\(arguments.count)\r\n".utf8)
        for argument in arguments {
            bytes += Array("$\(argument.utf8.count)\r\n\(argument)\r\n".utf8)
        }
        return bytes
    }

    private static func send(_ bytes: [UInt8], on connection: inout Connection) throws {
        guard !connection.isBroken else { throw Failure(description: "the connection is broken", isDisconnect: true) }
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Sockets.send(connection.descriptor, $0) }
            guard count > 0 else {
                let error = Failure(description: "\(SocketError("send"))", isDisconnect: errno == EPIPE)
                connection.isBroken = true
                throw error
            }
            rest = rest.dropFirst(count)
        }
    }

    private static func receive(on connection: inout Connection) throws -> RespValue {
        // After a time-out the next bytes would answer another question.
        do {
            let value = try readValue(&connection)
            connection.buffer.removeFirst(connection.position)
            connection.position = 0
            return value
        } catch {
            connection.isBroken = true
            throw error
        }
    }

    private static func readValue(_ connection: inout Connection) throws -> RespValue {
        let line = try readLine(&connection)
        let rest = String(line.dropFirst())
        switch line.first {
        case "+": return .status(rest)
        case "-": return .error(rest)
        case ":": return .integer(try number(rest))
        case "$":
            let length = try number(rest)
            guard length >= 0 else { return .null }
            try fill(&connection, length + 2)
            let bytes = connection.buffer[connection.position..<connection.position + length]
            connection.position += length + 2
            return .bulk(Array(bytes))
        case "*":
            let count = try number(rest)
            guard count >= 0 else { return .null }
            return .array(try (0..<count).map { _ in try readValue(&connection) })
        default: throw Failure(description: "not a reply: \(line)")
        }
    }

    private static func number(_ text: String) throws -> Int {
        guard let number = Int(text) else { throw Failure(description: "not a number: \(text)") }
        return number
    }

    private static func readLine(_ connection: inout Connection) throws -> String {
        var end = connection.position
        while true {
            try fill(&connection, end - connection.position + 2)
            if connection.buffer[end] == 13, connection.buffer[end + 1] == 10 { break }
            end += 1
        }
        let line = String(decoding: connection.buffer[connection.position..<end], as: UTF8.self)
        connection.position = end + 2
        return line
    }

    /// Reads until `count` bytes are buffered after the position.
    private static func fill(_ connection: inout Connection, _ count: Int) throws {
        while connection.buffer.count - connection.position < count {
            var chunk = [UInt8](repeating: 0, count: 65_536)
            let received = recv(connection.descriptor, &chunk, chunk.count, 0)
            if received < 0, errno == EINTR { continue }
            guard received > 0 else {
                let isDisconnect = received == 0 || errno == ECONNRESET
                let reason = received == 0 ? "the server closed the connection" : "\(SocketError("recv"))"
                throw Failure(description: reason, isDisconnect: isDisconnect)
            }
            connection.buffer += chunk[..<received]
        }
    }
}
