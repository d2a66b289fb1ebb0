import Foundation

/// What a test left behind.
public struct Leak: Error, CustomStringConvertible {
    /// One line a finding.
    public let description: String
}

extension RedisServer {
    /// Names of keys that would live for ever, other than those with an allowed prefix.
    public func keysWithoutTTL(allowing prefixes: [String] = []) throws -> [String] {
        var cursor = "0"
        var found: Set<String> = []
        repeat {
            let page = try call(["SCAN", cursor, "COUNT", "1000"]).array ?? []
            cursor = page.first?.string ?? "0"
            for key in page.last?.strings ?? [] where !prefixes.contains(where: key.hasPrefix) {
                if try call(["PTTL", key]) == -1 { found.insert(key) }
            }
        } while cursor != "0"
        return found.sorted()
    }

    /// Channels that have a subscriber, and the number of patterns as `N patterns`.
    public func subscriptionsLeft() throws -> [String] {
        let patterns = try call(["PUBSUB", "NUMPAT"]).int ?? 0
        return try call(["PUBSUB", "CHANNELS"]).strings.sorted() + (patterns > 0 ? ["\(patterns) patterns"] : [])
    }

    /// Throws ``Leak`` when keys without TTL, or subscriptions after a short grace, are left.
    public func expectNoLeaks(immortalKeyPrefixes: [String] = []) async throws {
        let keys = try keysWithoutTTL(allowing: immortalKeyPrefixes)
        guard keys.isEmpty else { throw Leak(description: "keys without TTL: \(keys.prefix(20))") }
        do {
            // A closed client's subscriptions end when the server has read its socket's end.
            try await eventually("no subscription left") { try subscriptionsLeft().isEmpty }
        } catch is TestTimeout {
            throw Leak(description: "subscriptions: \(try subscriptionsLeft().prefix(20))")
        }
    }
}

/// What a process holds: compare before and after.
public enum ProcessResources {
    /// How many file descriptors are open.
    public static func openFileDescriptors() -> Int {
        #if canImport(Darwin)
        let folder = "/dev/fd"
        #else
        let folder = "/proc/self/fd"
        #endif
        return (try? FileManager.default.contentsOfDirectory(atPath: folder).count) ?? 0
    }

    /// Process ids of living children (zombies are not counted).
    public static func children() -> [Int32] {
        childrenByStatus().filter { isAlive($0) }
    }

    /// True for a process that exists and is not a zombie.
    public static func isAlive(_ processID: Int32) -> Bool {
        guard kill(processID, 0) == 0 || errno == EPERM else { return false }
        guard let status = try? String(contentsOfFile: "/proc/\(processID)/stat", encoding: .utf8) else {
            return FileManager.default.fileExists(atPath: "/proc") == false
        }
        return status.split(separator: ")").last?.dropFirst().first != "Z"
    }

    /// Process ids of living processes in whose environment an entry `NAME=value` stands (Linux).
    public static func withVariable(_ entry: String) -> [Int32] {
        let all = (try? FileManager.default.contentsOfDirectory(atPath: "/proc").compactMap { Int32($0) }) ?? []
        return all.filter { processID in
            guard let block = FileManager.default.contents(atPath: "/proc/\(processID)/environ") else { return false }
            return block.split(separator: 0).contains { $0.elementsEqual(entry.utf8) }
        }
    }

    private static func childrenByStatus() -> [Int32] {
        let own = getpid()
        let all = (try? FileManager.default.contentsOfDirectory(atPath: "/proc").compactMap { Int32($0) }) ?? []
        return all.filter { processID in
            guard let status = try? String(contentsOfFile: "/proc/\(processID)/stat", encoding: .utf8),
                let fields = status.split(separator: ")").last?.split(separator: " "), fields.count > 1
            else { return false }
            return Int32(fields[1]) == own
        }
    }
}
