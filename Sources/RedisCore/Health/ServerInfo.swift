/// The fields of an INFO reply, of whatever section; what is not `name:value` is skipped.
///
/// Servers, forks and proxies leave fields out, add their own, and write `-nan`: every accessor is optional.
struct ServerInfo: Sendable, Hashable {
    private var fields: [String: String] = [:]

    init(_ text: String) {
        for line in text.split(whereSeparator: \.isNewline) where !line.hasPrefix("#") {
            guard let colon = line.firstIndex(of: ":"), colon > line.startIndex else { continue }
            let name = String(line[..<colon])
            // A name that comes twice keeps its first value: what a module appends cannot overwrite the server's own.
            if fields[name] == nil { fields[name] = line[line.index(after: colon)...].trimmingSpaces }
        }
    }

    subscript(name: String) -> String? { fields[name] }

    /// A whole number; nil when the field is missing or something else.
    func integer(_ name: String) -> Int? { fields[name].flatMap { Int($0) } }

    /// `1` and `0`, `yes` and `no`, `ok` and `err`, `up` and `down`.
    func flag(_ name: String) -> Bool? {
        switch fields[name] {
        case "1", "yes", "ok", "up": true
        case "0", "no", "err", "down": false
        default: nil
        }
    }
}

extension ServerInfo {
    /// `redis_version`.
    var version: String? { self["redis_version"] }
    /// `run_id`: another one means that the server was restarted, or is another.
    var runID: String? { self["run_id"] }
    /// `role`: `master` or `slave`.
    var role: String? { self["role"] }
    /// True while the data set is read from disk.
    var isLoading: Bool? { flag("loading") }

    /// For a replica, how long ago its master was last heard; for a master, how far its slowest replica is behind.
    var replicationLag: Duration? {
        if role == "slave" { return integer("master_last_io_seconds_ago").flatMap { $0 < 0 ? nil : .seconds($0) } }
        let replicas = (0..<min(integer("connected_slaves") ?? 0, 1_000)).compactMap { self["slave\($0)"] }
        return replicas.compactMap(Self.lag).max().map { .seconds($0) }
    }

    /// `ip=10.0.0.2,port=6379,state=online,offset=42,lag=1`.
    private static func lag(_ replica: String) -> Int? {
        let field = replica.split(separator: ",").first { $0.hasPrefix("lag=") }
        return field.flatMap { Int($0.dropFirst("lag=".count)) }.flatMap { $0 < 0 ? nil : $0 }
    }
}

extension Substring {
    fileprivate var trimmingSpaces: String {
        let start = drop { $0 == " " || $0 == "\t" }
        let end = start.lastIndex { $0 != " " && $0 != "\t" }
        return end.map { String(start[...$0]) } ?? ""
    }
}
