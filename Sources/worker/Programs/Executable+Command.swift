import Subprocess

// Subprocess names paths with the system's `FilePath`, or with the package's where the system has none.
#if canImport(System)
import System
#else
import SystemPackage
#endif

extension Executable {
    /// What the first word of a command means: a path when it has a slash, otherwise a name to look up in `PATH`.
    init(command: String) {
        self = command.contains("/") ? .path(FilePath(command)) : .name(command)
    }
}
