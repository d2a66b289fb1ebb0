import CHiredis

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// One hiredis asynchronous context on an ``EventLoop``: our own adapter, which asks the kernel for as little as it
/// can.
///
/// hiredis connects, buffers what is to be written, writes and parses. Its wish to write only sets a flag; the write is
/// tried once, just before the loop polls, and the descriptor is watched for writability only after a short write.
/// Replies are taken from its reader in the order of our own queue instead of through a callback per command, which
/// would cost a malloc, a second parse of every command, and asserts that a hostile peer can trip
/// (docs/decisions/0003).
///
/// Loop's thread only: no two accesses to a field can overlap, so the hot ones are not checked for it.
final class HiredisSocket: LoopFlushable {
    /// Why a socket ended.
    struct Failure: Error {
        enum Kind { case input, endOfFile, protocolError, other, closedByUs }
        let kind: Kind
        let text: String
    }

    let arena = ReplyArena()
    /// Replies that commands are still owed.
    @exclusivity(unchecked) var repliesDue = 0
    /// Set once the connection subscribes: from then on messages come that nobody asked for.
    @exclusivity(unchecked) var takesPushes = false
    /// Bytes handed to hiredis since its output buffer was last empty: an upper bound of what it holds.
    @exclusivity(unchecked) private(set) var outputBytes = 0

    private let loop: EventLoop
    /// Who hears of everything.
    ///
    /// It holds this socket in turn, until `socketEnded` tells it to let go.
    let link: RedisLink
    @exclusivity(unchecked) var context: UnsafeMutablePointer<redisAsyncContext>?
    private var functions: UnsafeMutablePointer<redisReplyObjectFunctions>?
    private var watcher: SocketWatcher?
    @exclusivity(unchecked) var isConnected = false
    private var wantsRead = false
    @exclusivity(unchecked) private var wantsWrite = false
    @exclusivity(unchecked) private var isQueuedForFlush = false
    var failure: Failure?
    /// True while hiredis or its reader is at work below us on the stack: the context must not be freed beneath it.
    @exclusivity(unchecked) var isParsing = false

    let input = UnsafeMutableRawBufferPointer.allocate(byteCount: inputSize, alignment: 16)
    /// The reply at hand, when it lies in `input`.
    let plain = UnsafeMutablePointer<redisReply>.allocate(capacity: 1)
    /// Bytes at the start of `input` that the last read left there: the beginning of a short reply.
    var kept = 0
    /// How often the array whose beginning is kept was looked at.
    @exclusivity(unchecked) var looks = 0
    /// Twice the largest reply that is read in place, so that there is always room behind what is kept.
    private static let inputSize = 2 * ReplyArena.largeString
    static let pieceSize = 4 * 1024

    init(on loop: EventLoop, link: RedisLink) {
        self.loop = loop
        self.link = link
        plain.initialize(to: redisReply())
    }

    deinit {
        assert(context == nil, "a socket must be closed before it is forgotten")
        functions?.deallocate()
        input.deallocate()
        plain.deallocate()
    }

    // MARK: Opening and closing

    /// Starts to connect; a failure that is known at once is thrown, a later one arrives as `socketEnded`.
    func open(_ target: ConnectionTarget) throws(Failure) {
        let opened =
            switch target {
            case .tcp(let address, let port): redisAsyncConnect(address, Int32(port))
            case .unix(let path): redisAsyncConnectUnix(path)
            }
        guard let opened else { throw Failure(kind: .other, text: "out of memory") }
        guard opened.pointee.err == 0 else {
            let text = opened.pointee.errstr.map { String(cString: $0) } ?? "cannot connect"
            redisAsyncFree(opened)
            throw Failure(kind: .input, text: text)
        }
        context = opened
        // A child of the user's process must not keep the connection open; hiredis does not see to it.
        _ = fcntl(opened.pointee.c.fd, F_SETFD, FD_CLOEXEC)
        attach(opened)
        watcher = SocketWatcher(opened.pointee.c.fd, on: loop) { [unowned(unsafe) self] readable, writable in
            ready(readable: readable, writable: writable)
        }
        guard watcher != nil else {
            detach(opened)
            throw Failure(kind: .other, text: "the socket cannot be watched (too many open files?)")
        }
        redisAsyncSetConnectCallback(opened) { context, status in
            guard status == REDIS_OK, let data = context?.pointee.data else { return }
            Unmanaged<HiredisSocket>.fromOpaque(data).takeUnretainedValue().connected()
        }
    }

    private func attach(_ opened: UnsafeMutablePointer<redisAsyncContext>) {
        let functions = self.functions ?? ReplyArena.makeFunctions()
        self.functions = functions
        opened.pointee.c.reader.pointee.fn = functions
        opened.pointee.c.reader.pointee.maxbuf = 1 << 20
        opened.pointee.c.reader.pointee.privdata = Unmanaged.passUnretained(arena).toOpaque()
        let me = Unmanaged.passUnretained(self).toOpaque()
        opened.pointee.data = me
        opened.pointee.ev.data = me
        opened.pointee.ev.addRead = { HiredisSocket.from($0)?.wantsRead = true }
        opened.pointee.ev.delRead = { HiredisSocket.from($0)?.wantsRead = false }
        opened.pointee.ev.addWrite = { HiredisSocket.from($0)?.wantWrite() }
        opened.pointee.ev.delWrite = { HiredisSocket.from($0)?.wantsWrite = false }
        opened.pointee.ev.cleanup = { HiredisSocket.from($0)?.cleanUp() }
    }

    /// Frees a context that nobody has heard of.
    private func detach(_ opened: UnsafeMutablePointer<redisAsyncContext>) {
        context = nil
        opened.pointee.ev.cleanup = nil
        redisAsyncFree(opened)
    }

    private static func from(_ data: UnsafeMutableRawPointer?) -> HiredisSocket? {
        data.map { Unmanaged<HiredisSocket>.fromOpaque($0).takeUnretainedValue() }
    }

    private func connected() {
        isConnected = true
        if let fd = context?.pointee.c.fd {
            // hiredis 0.14 leaves Nagle on for asynchronous sockets; on a Unix socket this fails harmlessly.
            var on: Int32 = 1
            setsockopt(fd, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
            setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, socklen_t(MemoryLayout<Int32>.size))
            #if canImport(Darwin)
            setsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, &on, socklen_t(MemoryLayout<Int32>.size))
            #endif
        }
        wantsRead = true
        link.socketConnected()
    }

    /// Ends the socket now; the link hears `socketEnded` before this returns or, while a reply is handed out, right
    /// after it.
    func close() { end(Failure(kind: .closedByUs, text: "the connection was closed")) }

    /// What came is not what this connection can receive; ends the socket.
    func refuse(_ what: String) { end(Failure(kind: .protocolError, text: "the peer sent \(what)")) }

    func end(_ failure: Failure) {
        guard let context, self.failure == nil else { return }
        self.failure = failure
        // hiredis then calls `cleanUp`, which finds the failure.
        if !isParsing { redisAsyncFree(context) }
    }

    /// hiredis is about to free the context and close the descriptor.
    private func cleanUp() {
        guard let context else { return }
        watcher?.close()
        watcher = nil
        let failure = failure ?? Self.failure(of: &context.pointee.c)
        self.context = nil
        isConnected = false
        wantsWrite = false
        kept = 0
        outputBytes = 0
        link.socketEnded(failure)
    }

    private static func failure(of context: inout redisContext) -> Failure {
        let kind: Failure.Kind =
            switch context.err {
            case REDIS_ERR_IO: .input
            case REDIS_ERR_EOF: .endOfFile
            case REDIS_ERR_PROTOCOL: .protocolError
            default: .other
            }
        return Failure(kind: kind, text: text(&context.errstr))
    }

    /// The text in a C array of characters.
    static func text<CharacterArray>(_ array: inout CharacterArray) -> String {
        withUnsafeBytes(of: &array) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }

    // MARK: Sending

    /// Puts commands into hiredis' output, to which so many replies will come.
    @inline(__always)
    func send(_ commands: UnsafeRawBufferPointer, replies: Int32) {
        repliesDue += Int(replies)
        sendMore(commands)
    }

    /// The descriptor, when it is connected and has nothing to write.
    var idleDescriptor: Int32? { isConnected && !wantsWrite && outputBytes == 0 ? context?.pointee.c.fd : nil }

    /// Somebody else wrote commands to which so many replies will come.
    func noteWritten(replies: Int32) { repliesDue += Int(replies) }

    /// Puts bytes into hiredis' output that no further reply belongs to.
    func sendMore(_ bytes: UnsafeRawBufferPointer) {
        guard let context, let start = bytes.baseAddress else { return }
        redisAppendFormattedCommand(
            Self.synchronous(context), start.assumingMemoryBound(to: CChar.self), bytes.count)
        outputBytes += bytes.count
        wantWrite()
    }

    /// `c` is the context's first member, by hiredis' own convention of casting between the two.
    static func synchronous(
        _ context: UnsafeMutablePointer<redisAsyncContext>
    ) -> UnsafeMutablePointer<redisContext> {
        UnsafeMutableRawPointer(context).assumingMemoryBound(to: redisContext.self)
    }

    private func wantWrite() {
        wantsWrite = true
        if isConnected { queueFlush() } else { updateInterest() }
    }

    private func queueFlush() {
        guard !isQueuedForFlush else { return }
        isQueuedForFlush = true
        loop.flushBeforePoll(self)
    }

    /// Writes what hiredis holds; watches for writability only when the kernel took less than all of it.
    func flush() {
        isQueuedForFlush = false
        guard let context, isConnected else { return }
        if wantsWrite { write(context) }
        updateInterest()
    }

    func write(_ context: UnsafeMutablePointer<redisAsyncContext>) {
        // Guards against `wantWrite`, called from inside, queueing this flush again.
        isQueuedForFlush = true
        redisAsyncHandleWrite(context)
        isQueuedForFlush = false
        guard self.context != nil else { return }
        if !wantsWrite { outputBytes = 0 }
        link.linkWrote()
        // More output may have been fed when the buffer ran empty.
        if wantsWrite, outputBytes > 0, !isQueuedForFlush, isConnected { updateInterest() }
    }

    func updateInterest() {
        watcher?.set(reading: wantsRead && !isReadingPaused, writing: wantsWrite || !isConnected)
    }

    /// While true, nothing is read: the kernel's buffer, then the server's, hold the rest.
    var isReadingPaused = false {
        didSet { if isReadingPaused != oldValue { updateInterest() } }
    }
}

/// Where to connect: a numeric address, or a path.
enum ConnectionTarget: Equatable {
    case tcp(address: String, port: Int)
    case unix(path: String)
}
