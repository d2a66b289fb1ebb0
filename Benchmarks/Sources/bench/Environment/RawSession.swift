import CFloor

/// A blocking connection for what surrounds the measurements: filling, counting, listening in.
final class RawSession {
    private let context: UnsafeMutablePointer<redisContext>

    init(port: Int) throws {
        guard let context = redisConnect("127.0.0.1", Int32(port)), context.pointee.err == 0 else {
            throw BenchmarkError("cannot connect to 127.0.0.1:\(port)")
        }
        self.context = context
    }

    deinit { redisFree(context) }

    /// Sends one command and returns its reply.
    @discardableResult
    func command(_ arguments: [[UInt8]]) throws -> Reply {
        var wire = FormattedCommand.wire(arguments)
        let sent = wire.withUnsafeMutableBytes { bytes in
            redisAppendFormattedCommand(context, bytes.bindMemory(to: CChar.self).baseAddress, bytes.count)
        }
        guard sent == REDIS_OK else { throw BenchmarkError("cannot send to the server") }
        return try nextReply()
    }

    @discardableResult
    func command(_ arguments: String...) throws -> Reply { try command(arguments.map { Array($0.utf8) }) }

    /// Waits for one more reply: MONITOR sends them unasked.
    func nextReply() throws -> Reply {
        var raw: UnsafeMutableRawPointer?
        guard redisGetReply(context, &raw) == REDIS_OK, let raw else {
            throw BenchmarkError("the connection to the server was lost")
        }
        defer { freeReplyObject(raw) }
        let reply = Reply(raw.assumingMemoryBound(to: redisReply.self))
        if case .error(let text) = reply { throw BenchmarkError("the server answered: \(text)") }
        return reply
    }

    /// Returns once somebody subscribes to a channel: the server's own word that a subscriber is ready.
    static func waitForSubscriber(of channel: String, port: Int) async throws {
        let session = try RawSession(port: port)
        for _ in 0..<20_000 {
            if case .array(let counts) = try session.command("PUBSUB", "NUMSUB", channel), counts.last?.integer == 1 {
                return
            }
            try await Task.sleep(for: .milliseconds(0.5))
        }
        throw BenchmarkError("nobody subscribed to \(channel) within 10 s")
    }

    /// A reply, copied.
    enum Reply: Equatable {
        case null
        case integer(Int)
        case text(String)
        case array([Reply])
        case error(String)

        fileprivate init(_ reply: UnsafeMutablePointer<redisReply>) {
            switch reply.pointee.type {
            case REDIS_REPLY_INTEGER: self = .integer(Int(reply.pointee.integer))
            case REDIS_REPLY_STRING, REDIS_REPLY_STATUS: self = .text(Reply.text(of: reply))
            case REDIS_REPLY_ERROR: self = .error(Reply.text(of: reply))
            case REDIS_REPLY_ARRAY:
                self = .array(
                    (0..<reply.pointee.elements).map { reply.pointee.element[$0].map(Reply.init) ?? .null })
            default: self = .null
            }
        }

        private static func text(of reply: UnsafeMutablePointer<redisReply>) -> String {
            let bytes = UnsafeRawBufferPointer(start: reply.pointee.str, count: Int(reply.pointee.len))
            return String(decoding: bytes, as: UTF8.self)
        }

        var integer: Int? { if case .integer(let value) = self { value } else { nil } }
        var text: String? { if case .text(let value) = self { value } else { nil } }
    }
}
