import CFloor

/// A reply callback as C declares it.
typealias RawCallback =
    @convention(c) (
        UnsafeMutablePointer<redisAsyncContext>?, UnsafeMutableRawPointer?, UnsafeMutableRawPointer?
    ) -> Void

/// A hiredis connection on a raw loop with the best adapter: at most one `write` per tick, and `epoll_ctl` only when
/// the interest changes.
///
/// "Want write" only sets a flag. The write is tried directly from a `uv_prepare` callback, just before the loop polls;
/// `UV_WRITABLE` is armed only while connecting and after a short write.
struct RawConnection {
    typealias Pointer = UnsafeMutablePointer<RawConnection>

    let context: UnsafeMutablePointer<redisAsyncContext>
    private let poll = UnsafeMutablePointer<uv_poll_t>.allocate(capacity: 1)
    private let prepare = UnsafeMutablePointer<uv_prepare_t>.allocate(capacity: 1)
    private var interest: Int32 = 0
    private var wantsWrite = false

    private init(context: UnsafeMutablePointer<redisAsyncContext>) { self.context = context }

    /// Connects to a loopback port and runs the loop until the connection stands.
    static func open(port: Int, on loop: UnsafeMutablePointer<uv_loop_t>) throws -> Pointer {
        guard let context = redisAsyncConnect("127.0.0.1", Int32(port)), context.pointee.err == 0 else {
            throw BenchmarkError("floor: cannot connect to 127.0.0.1:\(port)")
        }
        let connection = Pointer.allocate(capacity: 1)
        connection.initialize(to: RawConnection(context: context))
        connection.pointee.attach(at: connection, loop: loop)
        while connection.pointee.isConnecting {
            uv_run(loop, UV_RUN_ONCE)
            guard context.pointee.err == 0 else {
                throw BenchmarkError("floor: cannot connect to 127.0.0.1:\(port)")
            }
        }
        return connection
    }

    /// Queues bytes that are one command in wire format.
    @inline(__always)
    static func send(
        _ command: UnsafeBufferPointer<CChar>, on context: UnsafeMutablePointer<redisAsyncContext>?,
        callback: RawCallback, data: UnsafeMutableRawPointer?
    ) {
        redisAsyncFormattedCommand(context, callback, data, command.baseAddress, command.count)
    }

    private var isConnecting: Bool { context.pointee.c.flags & REDIS_CONNECTED == 0 }

    private mutating func attach(at address: Pointer, loop: UnsafeMutablePointer<uv_loop_t>) {
        uv_poll_init(loop, poll, context.pointee.c.fd)
        uv_prepare_init(loop, prepare)
        poll.pointee.data = UnsafeMutableRawPointer(address)
        prepare.pointee.data = UnsafeMutableRawPointer(address)
        context.pointee.ev.data = UnsafeMutableRawPointer(address)
        context.pointee.ev.addRead = { RawConnection.at($0).pointee.add(Int32(UV_READABLE.rawValue)) }
        context.pointee.ev.delRead = { RawConnection.at($0).pointee.remove(Int32(UV_READABLE.rawValue)) }
        context.pointee.ev.addWrite = { RawConnection.at($0).pointee.wantsWrite = true }
        context.pointee.ev.delWrite = {
            let connection = RawConnection.at($0)
            connection.pointee.wantsWrite = false
            connection.pointee.remove(Int32(UV_WRITABLE.rawValue))
        }
        context.pointee.ev.cleanup = { RawConnection.at($0).pointee.detach() }
        add(Int32(UV_READABLE.rawValue) | Int32(UV_WRITABLE.rawValue))
        uv_prepare_start(prepare) { handle in
            if let handle { RawConnection.flush(RawConnection.at(handle.pointee.data)) }
        }
    }

    private mutating func detach() {
        uv_poll_stop(poll)
        uv_prepare_stop(prepare)
    }

    @inline(__always)
    private static func at(_ data: UnsafeMutableRawPointer?) -> Pointer {
        guard let data else { preconditionFailure("hiredis lost the adapter's address") }
        return data.assumingMemoryBound(to: RawConnection.self)
    }

    /// The once-a-tick write; what the socket did not take is left to `UV_WRITABLE`.
    @inline(__always)
    private static func flush(_ connection: Pointer) {
        guard connection.pointee.wantsWrite, connection.pointee.interest & Int32(UV_WRITABLE.rawValue) == 0 else {
            return
        }
        connection.pointee.wantsWrite = false
        redisAsyncHandleWrite(connection.pointee.context)
        if connection.pointee.wantsWrite { connection.pointee.add(Int32(UV_WRITABLE.rawValue)) }
    }

    @inline(__always)
    private mutating func add(_ events: Int32) {
        if interest & events != events { listen(to: interest | events) }
    }

    @inline(__always)
    private mutating func remove(_ events: Int32) {
        if interest & events != 0 { listen(to: interest & ~events) }
    }

    private mutating func listen(to events: Int32) {
        interest = events
        guard events != 0 else {
            uv_poll_stop(poll)
            return
        }
        uv_poll_start(poll, events) { handle, _, events in
            guard let handle else { return }
            let context = RawConnection.at(handle.pointee.data).pointee.context
            if events & Int32(UV_READABLE.rawValue) != 0 { redisAsyncHandleRead(context) }
            if events & Int32(UV_WRITABLE.rawValue) != 0 { redisAsyncHandleWrite(context) }
        }
    }
}
