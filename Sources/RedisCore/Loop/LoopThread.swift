import CLibuv

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// Names the calling thread, for debuggers and `top`.
func nameThread(_ name: String) {
    #if canImport(Darwin)
    pthread_setname_np(name)
    #else
    // The kernel keeps 15 bytes; glibc's own call is not visible to Swift.
    guard let file = fopen("/proc/thread-self/comm", "w") else { return }
    fputs(String(name.prefix(15)), file)
    fclose(file)
    #endif
}

/// hiredis writes without MSG_NOSIGNAL: on a connection whose peer has gone the write must fail, not end the process.
func blockBrokenPipeSignal() {
    var signals = sigset_t()
    sigemptyset(&signals)
    sigaddset(&signals, SIGPIPE)
    pthread_sigmask(SIG_BLOCK, &signals, nil)
}

/// libuv refuses these calls only when the process is out of memory or file descriptors.
func mustSucceed(_ status: Int32, _ call: String) {
    guard status < 0 else { return }
    preconditionFailure("\(call) failed: \(String(cString: uv_strerror(status)))")
}

/// Closes a handle that is owned by value; its memory is the owner's.
func closeHandle<Handle>(_ handle: UnsafeMutablePointer<Handle>) {
    handle.withMemoryRebound(to: uv_handle_t.self, capacity: 1) { uv_close($0, nil) }
}
