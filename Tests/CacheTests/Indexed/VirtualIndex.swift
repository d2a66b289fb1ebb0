import RedisCore
import TestSupport
import Testing

@testable import Cache

/// The scripts of indexed caches on a real server, with the time in the test's hand.
///
/// The one reading of the server's time is replaced by arguments. Redis itself drops keys by its own clock, so the
/// virtual one runs seventy years ahead of it, and `advance` drops what is over, as Redis does: a key is gone once its
/// millisecond is over.
struct VirtualIndex {
    let server: RedisServer
    let keys = IndexedKeys(prefix: "", namespace: "n")
    /// Server time, ms.
    private(set) var now: Int64 = 4_000_000_000_000
    private var written: Int
    let mode: ExpiryTracking.Mode
    static let retention: Int64 = 10_000_000

    /// Two writers take different numbers, so that their writes have different versions.
    init(_ server: RedisServer, _ mode: ExpiryTracking.Mode, writer: Int = 1) {
        self.server = server
        self.mode = mode
        written = writer * 10_000_000
    }

    /// Lets time pass, and Redis drop what ends in it.
    mutating func advance(_ milliseconds: Int64) throws {
        now += milliseconds
        for key in try server("KEYS", "*").strings {
            if let end = try server("PEXPIRETIME", key).int, end >= 0, Int64(end) < now { try server("DEL", key) }
        }
    }

    @discardableResult
    private func call(_ script: RedisScript, _ keys: [RedisKey], _ arguments: [String]) throws -> RespValue {
        let source = script.source.replacing("redis.call('TIME')", with: "{ARGV[#ARGV - 1], ARGV[#ARGV]}")
        let time = ["\(now / 1_000)", "\(now % 1_000 * 1_000 + 499)"]
        let reply = try server.call(["EVAL", source, "\(keys.count)"] + keys.map(\.name) + arguments + time)
        if case .error(let text) = reply { throw Failure(description: "\(script.name): \(text)") }
        return reply
    }

    struct Failure: Error, CustomStringConvertible { let description: String }

    private func start(_ name: String) -> [String] { [keys.root, name, mode.rawValue, "\(Self.retention)"] }
    private func life(_ ttl: Int64?) -> String { ttl.map { String($0) } ?? "" }

    private mutating func version() -> String {
        written += 1
        return "\(written)"
    }

    mutating func set(_ name: String, _ value: String, _ ttl: Int64?, _ indexes: [String: String]) throws {
        let members = try Memberships(indexes, operation: "set")
        try call(
            IndexedScripts.set, keys.keys(of: name) + members.keys(keys),
            start(name) + [life(ttl), version(), members.text, "", value])
    }

    /// Changes the value; nil keeps the end.
    ///
    /// False when there is no item.
    mutating func revise(_ name: String, _ value: String, refreshing ttl: Int64?) throws -> Bool {
        guard let old = try server("GETRANGE", keys.item(name).name, "3", "10").string, !old.isEmpty else {
            return false
        }
        let reply = try call(
            IndexedScripts.revise, keys.keys(of: name),
            start(name) + [ttl.map { String($0) } ?? "keep", version(), old, "", value])
        return reply.array?.first?.int == 1
    }

    func delete(_ name: String) throws -> Bool {
        try call(IndexedScripts.delete, keys.keys(of: name), start(name)).int == 1
    }

    func setTTL(_ name: String, _ ttl: Int64?) throws -> Bool {
        try call(IndexedScripts.setTTL, keys.keys(of: name), start(name) + [life(ttl)]).int == 1
    }

    func increment(_ name: String, _ ttl: Int64?) throws -> Int? {
        try call(IndexedScripts.increment, keys.keys(of: name), start(name) + [life(ttl), "1"]).int
    }

    /// As eviction does, without a script.
    func evict(_ name: String) throws { try server("DEL", keys.item(name).name) }

    /// Names and values, by pages of `limit`.
    func query(_ index: String, _ value: String, limit: Int) throws -> [String: String] {
        let members = try Memberships.one(index, value, operation: "query")
        var found: [String: String] = [:]
        var cursor = "0"
        repeat {
            let reply = try call(
                IndexedScripts.query, members.keys(keys), [keys.root, members.text, cursor, "\(limit)", "1"])
            let parts = reply.array ?? []
            cursor = parts.first?.string ?? "0"
            for position in stride(from: 2, to: parts.count - 1, by: 2) {
                guard let name = parts[position].string, case .bulk(let bytes) = parts[position + 1] else { continue }
                found[name] = Self.value(bytes)
            }
        } while cursor != "0"
        return found
    }

    /// Names, without values: the other half of the script.
    func queryNames(_ index: String, _ value: String) throws -> Set<String> {
        let members = try Memberships.one(index, value, operation: "query")
        let reply = try call(IndexedScripts.query, members.keys(keys), [keys.root, members.text, "0", "1000", "0"])
        return Set((reply.array ?? []).dropFirst(2).compactMap(\.string))
    }

    /// Everything that can be claimed, acknowledged at once: events and their values.
    func sweep() throws -> [String: String?] {
        var told: [String: String?] = [:]
        while true {
            let reply = try call(ExpiryScripts.claim, keys.expiry, [keys.root, "3", "60000", "\(Self.retention)"])
            let parts = reply.array ?? []
            guard parts.count > 3 else { return told }
            for position in stride(from: 3, to: parts.count - 3, by: 4) {
                guard let event = parts[position].string else { continue }
                #expect(told[event] == nil, "\(event) was told twice")
                if case .bulk(let bytes) = parts[position + 3] {
                    told[event] = .some(Self.value(bytes))
                } else {
                    told[event] = .some(nil)
                }
                try call(ExpiryScripts.acknowledge, keys.expiry, [keys.root, event])
            }
        }
    }

    /// What stands behind the versions, the memberships and the time; a counter's digits.
    static func value(_ bytes: [UInt8]) -> String {
        guard bytes.first == IndexedItem.magic else { return String(decoding: bytes, as: UTF8.self) }
        let versions = 3 + 8 * Int(bytes[2])
        let size = Int(bytes[versions]) << 8 | Int(bytes[versions + 1])
        return String(decoding: bytes[(versions + 2 + size + 8)...], as: UTF8.self)
    }
}
