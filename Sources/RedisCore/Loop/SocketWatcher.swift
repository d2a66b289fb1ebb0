import CLibuv

/// Tells its owner when a socket can be read or written; touches the kernel only when the interest changes.
///
/// Loop's thread only.
final class SocketWatcher {
    private let handle: UnsafeMutablePointer<uv_poll_t>
    private let loop: EventLoop
    private let onReady: (_ readable: Bool, _ writable: Bool) -> Void
    private var wanted: Int32 = 0
    private var isClosed = false

    /// Nil when libuv cannot watch the descriptor.
    init?(_ descriptor: Int32, on loop: EventLoop, onReady: @escaping (_ readable: Bool, _ writable: Bool) -> Void) {
        self.loop = loop
        self.onReady = onReady
        handle = .allocate(capacity: 1)
        guard uv_poll_init(loop.uv, handle, descriptor) == 0 else {
            handle.deallocate()
            isClosed = true
            return nil
        }
        handle.pointee.data = Unmanaged.passUnretained(self).toOpaque()
    }

    deinit { close() }

    func set(reading: Bool, writing: Bool) {
        let mask = (reading ? Int32(UV_READABLE.rawValue) : 0) | (writing ? Int32(UV_WRITABLE.rawValue) : 0)
        guard mask != wanted, !isClosed else { return }
        wanted = mask
        if mask == 0 {
            uv_poll_stop(handle)
        } else {
            uv_poll_start(handle, mask, socketWatcherReady)
        }
    }

    /// Stops watching at once, before the owner closes the descriptor; libuv frees the handle in its own time.
    func close() {
        guard !isClosed else { return }
        isClosed = true
        handle.pointee.data = nil
        handle.withMemoryRebound(to: uv_handle_t.self, capacity: 1) { handle in
            uv_close(handle) { UnsafeMutableRawPointer($0)?.deallocate() }
        }
    }

    fileprivate func ready(status: Int32, events: Int32) {
        loop.noteAwake()
        // On an error the owner tries what it waits for and gets the errno from the system call itself. libuv has
        // stopped the handle: when the owner still found bytes to read, it has to be started again for the rest.
        let events = status < 0 ? wanted : events
        if status < 0 { wanted = 0 }
        onReady(events & Int32(UV_READABLE.rawValue) != 0, events & Int32(UV_WRITABLE.rawValue) != 0)
    }
}

private func socketWatcherReady(_ handle: UnsafeMutablePointer<uv_poll_t>?, _ status: Int32, _ events: Int32) {
    guard let context = handle?.pointee.data else { return }
    Unmanaged<SocketWatcher>.fromOpaque(context).takeUnretainedValue().ready(status: status, events: events)
}
