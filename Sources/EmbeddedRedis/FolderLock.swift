import Synchronization

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// Keeps a given folder for one server at a time.
///
/// The lock belongs to an open descriptor. Server and watchdog inherit it, so that it ends with the last of owner,
/// watchdog and server: two servers never write the same data, and nobody cleans up after a successor has started.
final class FolderLock: Sendable {
    // -1 once released.
    private let descriptor: Mutex<Int32>

    /// Waits at most `limit` for a predecessor whose owner was killed and which may still be saving its data.
    static func take(_ path: String, waiting limit: Duration) async throws -> FolderLock {
        let deadline = ContinuousClock.now + limit
        while true {
            if let lock = try FolderLock(path) { return lock }
            guard ContinuousClock.now < deadline else {
                throw EmbeddedServerError(
                    .directoryInUse, "Another server is running in \(path): stop its owner, or choose another folder.")
            }
            try await Task.sleep(for: .milliseconds(20))
        }
    }

    private init?(_ path: String) throws(EmbeddedServerError) {
        let opened = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        descriptor = Mutex(opened)
        guard opened >= 0 else { throw ServerFolder.unusable(path, errno) }
        guard flock(opened, LOCK_EX | LOCK_NB) == 0 else { return nil }
    }

    deinit { release() }

    /// For a child that shares the lock.
    var descriptors: [Int32] { descriptor.withLock { $0 >= 0 ? [$0] : [] } }

    /// Gives up the owner's share.
    func release() {
        descriptor.withLock { descriptor in
            if descriptor >= 0 { close(descriptor) }
            descriptor = -1
        }
    }
}
