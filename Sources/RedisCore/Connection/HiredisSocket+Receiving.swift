import CHiredis

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// The way in: from the descriptor to whole replies, handed to the link one by one.
extension HiredisSocket {
    func ready(readable: Bool, writable: Bool) {
        guard let context else { return }
        if isConnected {
            // Room in a buffer that was full means that the peer took bytes, as good a sign of life as sending some.
            link.linkHeard()
            if readable { read(context) }
            if writable, self.context != nil { write(context) }
        } else {
            // hiredis learns here how connecting went; there is nothing to read before we have written.
            isParsing = true
            redisAsyncHandleWrite(context)
            isParsing = false
            if failure != nil, self.context != nil { redisAsyncFree(context) }
        }
        if self.context != nil { updateInterest() }
    }

    private func read(_ context: UnsafeMutablePointer<redisAsyncContext>) {
        let room = UnsafeMutableRawBufferPointer(rebasing: input[kept...])
        let count = recv(context.pointee.c.fd, room.baseAddress, room.count, 0)
        guard count > 0 else {
            if count == 0 { return end(Failure(kind: .endOfFile, text: "Server closed the connection")) }
            if errno != EAGAIN, errno != EINTR { end(Failure(kind: .input, text: String(cString: strerror(errno)))) }
            return
        }
        isParsing = true
        parse(UnsafeRawBufferPointer(rebasing: input[..<(kept + count)]), Self.synchronous(context).pointee.reader)
        isParsing = false
        // Ended while a reply was handed out.
        if failure != nil { redisAsyncFree(context) }
    }

    /// Takes short plain replies where they lie, and has hiredis read all others.
    ///
    /// Its reader moves what is left in its buffer after each KiB it has consumed, so it gets small pieces.
    private func parse(_ bytes: UnsafeRawBufferPointer, _ reader: UnsafeMutablePointer<redisReader>) {
        var rest = bytes
        kept = 0
        while failure == nil, !rest.isEmpty {
            var taken = min(Self.pieceSize, rest.count)
            let isIdle = reader.pointee.isIdle
            switch isIdle ? PlainReply.read(rest) : .other {
            case .whole(let reply, let count):
                taken = count
                reply.fill(plain, rest)
                received(RedisReply(plain, arena))
            case .beginning: return keep(rest)
            case .other:
                if isIdle, let outcome = receiveArray(rest) {
                    guard outcome > 0 else { return keep(rest) }
                    taken = outcome
                    break
                }
                guard redisReaderFeed(reader, rest.baseAddress?.assumingMemoryBound(to: CChar.self), taken) == REDIS_OK
                else { return end(Failure(kind: .other, text: Self.text(&reader.pointee.errstr))) }
                parse(reader)
            }
            rest = UnsafeRawBufferPointer(rebasing: rest[taken...])
        }
    }

    /// Takes an array of plain replies and says how many bytes it had.
    ///
    /// 0 is a beginning that is worth waiting for the rest; nil is for hiredis to read.
    private func receiveArray(_ rest: UnsafeRawBufferPointer) -> Int? {
        switch PlainArray.read(rest, arena) {
        case .whole(let array, let count):
            looks = 0
            received(RedisReply(array, arena))
            arena.reset()
            return count
        case .beginning where rest.count < ReplyArena.largeString && looks < Self.mostLooks:
            looks += 1
            return 0
        case .beginning, .other:
            looks = 0
            return nil
        }
    }

    /// A peer that sends byte by byte must not have its array looked through from the start for each.
    private static let mostLooks = 3

    /// Leaves the beginning of a short reply for the next read to complete.
    private func keep(_ rest: UnsafeRawBufferPointer) {
        input.copyMemory(from: rest)
        kept = rest.count
    }

    private func parse(_ reader: UnsafeMutablePointer<redisReader>) {
        while failure == nil {
            var object: UnsafeMutableRawPointer?
            guard redisReaderGetReply(reader, &object) == REDIS_OK else {
                let text = arena.refusal.map { "the peer sent \($0)" } ?? Self.text(&reader.pointee.errstr)
                return end(Failure(kind: .protocolError, text: text))
            }
            guard let object else { return }
            received(RedisReply(object.assumingMemoryBound(to: redisReply.self), arena))
            arena.reset()
        }
    }

    @inline(__always)
    private func received(_ reply: borrowing RedisReply) {
        if repliesDue > 0 {
            repliesDue -= 1
        } else if reply.kind == .error {
            // An error that answers no command is the server's last word: it is full, or forbids a channel.
            return end(Failure(kind: .other, text: reply.text))
        } else if !takesPushes {
            return refuse("a reply that no command asked for")
        }
        link.socketReceived(reply)
    }
}

extension redisReader {
    /// True between two replies, with nothing of the next one in its buffer.
    fileprivate var isIdle: Bool { ridx == -1 && pos == len }
}
