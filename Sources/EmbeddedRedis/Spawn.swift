import FoundationEssentials

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// `posix_spawn` with what a supervised child needs: default signals, a group of its own, chosen descriptors only.
enum Spawn {
    /// A system call that failed.
    struct Failure: Error, CustomStringConvertible {
        let call: String
        let errno: Int32
        var reason: String { String(cString: strerror(errno)) }
        var description: String { "\(call): \(reason)" }
    }

    #if canImport(Darwin)
    private static func attributes() -> posix_spawnattr_t? { nil }
    private static func fileActions() -> posix_spawn_file_actions_t? { nil }
    #else
    private static func attributes() -> posix_spawnattr_t { posix_spawnattr_t() }
    private static func fileActions() -> posix_spawn_file_actions_t { posix_spawn_file_actions_t() }
    #endif

    static func start(_ arguments: [String], descriptors: [Int32]) throws -> pid_t {
        var attributes = attributes()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // A service ignores SIGTERM and blocks signals while it handles them itself; a child must not inherit that.
        var signals = sigset_t()
        sigfillset(&signals)
        posix_spawnattr_setsigdefault(&attributes, &signals)
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        posix_spawnattr_setpgroup(&attributes, 0)
        posix_spawnattr_setflags(&attributes, flags)

        var actions = fileActions()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        // Two steps: first above every number in use, then down, so that no source is overwritten before it is copied.
        let base = (descriptors.max() ?? 0) + 1 + Int32(descriptors.count)
        for (index, descriptor) in descriptors.enumerated() {
            posix_spawn_file_actions_adddup2(&actions, descriptor, base + Int32(index))
        }
        for index in descriptors.indices {
            posix_spawn_file_actions_adddup2(&actions, base + Int32(index), Int32(index))
        }
        let copies = base..<base + Int32(descriptors.count)
        let inherited = openDescriptors().filter { $0 >= descriptors.count && !copies.contains($0) }
        for descriptor in inherited + copies { posix_spawn_file_actions_addclose(&actions, descriptor) }

        let environment = ProcessInfo.processInfo.environment.map { "\($0.key)=\($0.value)" }
        var processID: pid_t = 0
        let result = withCStrings(arguments) { argv in
            withCStrings(environment) { posix_spawn(&processID, arguments[0], &actions, &attributes, argv, $0) }
        }
        guard result == 0 else { throw Failure(call: "posix_spawn \(arguments[0])", errno: result) }
        return processID
    }

    private static var flags: Int16 {
        var flags = Int32(POSIX_SPAWN_SETSIGDEF) | Int32(POSIX_SPAWN_SETSIGMASK) | Int32(POSIX_SPAWN_SETPGROUP)
        #if canImport(Darwin)
        flags |= Int32(POSIX_SPAWN_CLOEXEC_DEFAULT)
        #endif
        return Int16(truncatingIfNeeded: flags)
    }

    /// What a child would inherit, where the system has no flag against it: hiredis opens sockets that survive exec.
    private static func openDescriptors() -> [Int32] {
        #if canImport(Darwin)
        []
        #else
        ((try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []).compactMap { Int32($0) }
        #endif
    }

    private static func withCStrings<R>(
        _ strings: [String], _ body: ([UnsafeMutablePointer<CChar>?]) -> R
    ) -> R {
        let pointers = strings.map { strdup($0) }
        defer { for pointer in pointers { free(pointer) } }
        return body(pointers + [nil])
    }
}
