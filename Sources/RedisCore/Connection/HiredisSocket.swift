import CHiredis

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// One hiredis asynchronous context on an ``EventLoop``: our own adapter, which asks the kernel for as little as it can.
///
/// hiredis' wish to write only sets a flag; the write is tried once, just before the loop polls, and the descriptor is
/// watched for writability only after a short write. Loop's thread only: no two accesses to a field can overlap, so the
/// hot ones are not checked for it.
final class HiredisSocket: LoopFlushable {
    /// Why a socket ended.
    struct Failure: Error {
        enum Kind { case input, endOfFile, protocolError, other, closedByUs }
        let kind: Kind
        let text: String
    }

    let arena = ReplyArena()
    /// Bytes handed to hiredis since its output buffer was last empty: an upper bound of what it holds.
    @exclusivity(unchecked) private(set) var outputBytes = 0

    private let loop: EventLoop
    /// Who hears of everything. It holds this socket in turn, until `socketEnded` tells it to let go.
    private let link: RedisLink
    @exclusivity(unchecked) private var context: UnsafeMutablePointer<redisAsyncContext>?
    private var functions: UnsafeMutablePointer<redisReplyObjectFunctions>?
    private var watcher: SocketWatcher?
    @exclusivity(unchecked) private var isConnected = false
    private var wantsRead = false
    @exclusivity(unchecked) private var wantsWrite = false
    @exclusivity(unchecked) private var isQueuedForFlush = false
    @exclusivity(unchecked) private var isClosing = false

    init(on loop: EventLoop, link: RedisLink) {
        self.loop = loop
        self.link = link
    }

    deinit {
        assert(context == nil, "a socket must be closed before it is forgotten")
        functions?.deallocate()
    }

    var isOpen: Bool { context != nil && !isClosing }

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
            close()
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
        }
        wantsRead = true
        link.socketConnected()
    }

    /// Ends the socket now; the link hears `socketEnded` with `closedByUs` before this returns, or, from inside a
    /// callback, right after it.
    func close() {
        guard let context, !isClosing else { return }
        isClosing = true
        redisAsyncFree(context)
    }

    /// hiredis is about to free the context and close the descriptor.
    private func cleanUp() {
        watcher?.close()
        watcher = nil
        let failure = currentFailure()
        context = nil
        isConnected = false
        wantsWrite = false
        outputBytes = 0
        link.socketEnded(failure)
    }

    private func currentFailure() -> Failure {
        if let refusal = arena.refusal {
            return Failure(kind: .protocolError, text: "the peer sent \(refusal), which is not the Redis protocol")
        }
        guard let context, context.pointee.c.err != 0 else {
            return Failure(kind: .closedByUs, text: "the connection was closed")
        }
        let text = context.pointee.errstr.map { String(cString: $0) } ?? "error \(context.pointee.c.err)"
        let kind: Failure.Kind =
            switch context.pointee.c.err {
            case REDIS_ERR_IO: .input
            case REDIS_ERR_EOF: .endOfFile
            case REDIS_ERR_PROTOCOL: .protocolError
            default: .other
            }
        return Failure(kind: kind, text: text)
    }

    // MARK: Sending

    /// Hands ordinary commands to hiredis: their bytes at once, and a callback for each reply.
    ///
    /// This is what redisAsyncFormattedCommand does for one command, less its search for SUBSCRIBE and MONITOR, which
    /// never come this way (``CommandFacts``); docs/decisions/0003 has the reasons and the figures.
    func send(_ commands: UnsafeRawBufferPointer, replies: Int32) {
        guard let context else { return }
        arena.repliesDue += Int(replies)
        for _ in 0..<replies { expectReply(context) }
        sendMore(commands)
    }

    /// Appends a node to the public list of callbacks, which hiredis takes from and frees.
    private func expectReply(_ context: UnsafeMutablePointer<redisAsyncContext>) {
        // hiredis' own allocator: what it frees must come from it.
        guard let memory = hi_malloc(MemoryLayout<redisCallback>.size) else {
            preconditionFailure("out of memory")
        }
        let node = memory.bindMemory(to: redisCallback.self, capacity: 1)
        node.initialize(to: redisCallback())
        node.pointee.fn = hiredisReplied
        if let tail = context.pointee.replies.tail {
            tail.pointee.next = node
        } else {
            context.pointee.replies.head = node
        }
        context.pointee.replies.tail = node
    }

    /// Appends bytes to what was handed over last.
    func sendMore(_ bytes: UnsafeRawBufferPointer) {
        guard let context, let start = bytes.baseAddress else { return }
        // `c` is the context's first member, by hiredis' own convention of casting between the two.
        let synchronous = UnsafeMutableRawPointer(context).assumingMemoryBound(to: redisContext.self)
        redisAppendFormattedCommand(synchronous, start.assumingMemoryBound(to: CChar.self), bytes.count)
        outputBytes += bytes.count
        wantWrite()
    }

    /// Hands over SUBSCRIBE and its kin, through hiredis' own bookkeeping of channels. It reads the names up to the
    /// NUL that must stand behind the command.
    func sendSubscription(_ command: UnsafeRawBufferPointer) {
        guard let context else { return }
        redisAsyncFormattedCommand(
            context, hiredisReplied, nil, command.baseAddress?.assumingMemoryBound(to: CChar.self), command.count)
        outputBytes += command.count
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

    private func write(_ context: UnsafeMutablePointer<redisAsyncContext>) {
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

    private func updateInterest() {
        watcher?.set(reading: wantsRead && !isReadingPaused, writing: wantsWrite || !isConnected)
    }

    // MARK: Receiving

    /// While true, nothing is read: the kernel's buffer, then the server's, hold the rest.
    var isReadingPaused = false {
        didSet { if isReadingPaused != oldValue { updateInterest() } }
    }

    private func ready(readable: Bool, writable: Bool) {
        // Room in a buffer that was full means that the peer took bytes, as good a sign of life as sending some.
        if readable || isConnected { link.linkHeard() }
        if readable, let context { redisAsyncHandleRead(context) }
        if writable, let context {
            if isConnected { write(context) } else { redisAsyncHandleWrite(context) }
        }
        if context != nil { updateInterest() }
    }

    @inline(__always)
    fileprivate func received(_ reply: UnsafeMutablePointer<redisReply>) {
        if !isClosing { link.socketReceived(RedisReply(reply, arena)) }
        arena.reset()
    }
}

/// Where to connect: a numeric address, or a path.
enum ConnectionTarget: Equatable {
    case tcp(address: String, port: Int)
    case unix(path: String)
}

private func hiredisReplied(
    _ context: UnsafeMutablePointer<redisAsyncContext>?, _ reply: UnsafeMutableRawPointer?,
    _ privdata: UnsafeMutableRawPointer?
) {
    // A NULL reply means that the context is being freed; the link hears of that once, in `socketEnded`.
    guard let reply, let data = context?.pointee.data else { return }
    // The socket lives: `HiredisSocket.ready`, which is below us on the stack, holds it. So it is not retained again.
    Unmanaged<HiredisSocket>.fromOpaque(data)._withUnsafeGuaranteedRef { socket in
        socket.received(reply.assumingMemoryBound(to: redisReply.self))
    }
}
