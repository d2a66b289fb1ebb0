/// What somebody probably meant who wrote a key that there is not.
enum SettingHint {
    /// - Parameters:
    ///   - name: What was written.
    ///   - section: Where it was written, such as `remember`; empty for the service itself.
    ///   - keys: All that the service knows.
    static func hint(for name: String, in section: String, keys: [SettingKey]) -> String? {
        let name = otherNames[name] ?? name
        if let hint = elsewhere(name, section, keys) { return hint }
        let here = keys.filter { $0.section == section }.map(\.name)
        if let near = similar(to: name, among: here) { return meant(near) }
        // A deep key written in one word: `compression_threshold`.
        if let flat = keys.first(where: { folded($0.path) == folded(section + name) && $0.section != section }) {
            return "write it as '\(flat.name)' under '\(flat.section)'"
        }
        return longer(than: name, among: here).map(meant)
    }

    /// The same name in another section, if there is one such section only.
    private static func elsewhere(_ name: String, _ section: String, _ keys: [SettingKey]) -> String? {
        let homes = keys.filter { $0.name == name }.map(\.section)
        guard !homes.contains(section), let home = homes.first else { return homes.isEmpty ? nil : meant(name) }
        guard homes.count == 1 else { return nil }
        return home.isEmpty ? "it belongs one level up, directly under 'config'" : "it belongs under '\(home)'"
    }

    private static func meant(_ name: String) -> String { "did you mean '\(name)'?" }

    /// Names of the same setting in other programs.
    private static let otherNames = [
        "database": "db", "max_connections": "pool_size", "socket_timeout": "command_timeout", "user": "username",
        "address": "addr", "hostname": "host", "min_idle_connections": "min_idle", "ttl": "default_ttl",
        "failure": "on_failure", "expire": "default_ttl", "expiration": "default_ttl", "per": "window",
    ]

    /// The name that differs least, if it differs little; nil when none does.
    static func nearest(to name: String, among names: [String]) -> String? {
        similar(to: name, among: names) ?? longer(than: name, among: names)
    }

    private static func similar(to name: String, among names: [String]) -> String? {
        let wanted = folded(name)
        guard wanted.count > 1 else { return nil }
        let candidates = names.map { (name: $0, distance: distance(wanted, folded($0))) }
        let best = candidates.min { $0.distance < $1.distance }
        return best.flatMap { $0.distance <= max(1, wanted.count / 4) ? $0.name : nil }
    }

    /// The only name that begins with this one, or with which this one begins.
    private static func longer(than name: String, among names: [String]) -> String? {
        let wanted = folded(name)
        let longer = names.filter { folded($0).hasPrefix(wanted) || wanted.hasPrefix(folded($0)) }
        return wanted.count > 2 && longer.count == 1 ? longer.first : nil
    }

    /// Without case and separators: `defaultTTL`, `default-ttl` and `default_ttl` are one name.
    private static func folded(_ name: String) -> [Character] {
        name.lowercased().filter { $0.isLetter || $0.isNumber }.map { $0 }
    }

    /// How many characters have to be put in, left out, exchanged or swapped with their neighbour.
    private static func distance(_ one: [Character], _ other: [Character]) -> Int {
        // Rows of the usual table, the two latest kept.
        var before: [Int] = []
        var last = Array(0...other.count)
        for i in one.indices {
            var row = [i + 1]
            for j in other.indices {
                var cost = min(row[j] + 1, last[j + 1] + 1, last[j] + (one[i] == other[j] ? 0 : 1))
                if i > 0, j > 0, one[i] == other[j - 1], one[i - 1] == other[j] { cost = min(cost, before[j - 1] + 1) }
                row.append(cost)
            }
            (before, last) = (last, row)
        }
        return last[other.count]
    }
}

extension [Character] {
    fileprivate func hasPrefix(_ other: [Character]) -> Bool { !other.isEmpty && starts(with: other) }
}
