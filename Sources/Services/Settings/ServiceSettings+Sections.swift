import ConfigurationFiles
import Yams

extension ServiceSettings {
    /// The mapping under a key; what `read` asks for and does not find has its default.
    ///
    /// ```swift
    /// let retry = settings.section("retry") { retry in
    ///     (first: retry.duration("first", in: delays, default: .seconds(1)), …)
    /// }
    /// ```
    ///
    /// `read` is called when the key is missing too, so that the service knows all of its keys.
    public mutating func section<T>(_ key: String, _ read: (inout ServiceSettings) -> T) -> T {
        let node = value(key, "mapping")
        return self.read(key, node, isUsed: true, read)
    }

    /// A mapping that need not be there; nil without it.
    public mutating func optionalSection<T>(_ key: String, _ read: (inout ServiceSettings) -> T) -> T? {
        let node = value(key, "mapping", fallback: "none")
        let found = self.read(key, node, isUsed: node != nil, read)
        return node == nil ? nil : found
    }

    /// A part that is on or off: `true`, or a mapping with its settings, and `false`, which is nil.
    public mutating func switched<T>(
        _ key: String, default isOn: Bool, _ read: (inout ServiceSettings) -> T
    ) -> T? {
        guard let node = value(key, "true, false or a mapping", fallback: "\(isOn)") else {
            let usual = self.read(key, nil, isUsed: false, read)
            return isOn ? usual : nil
        }
        guard node.scalar != nil else {
            guard node.mapping != nil else {
                report(key, "must be true, false or a mapping, not \(ConfigurationReader.kind(of: node))")
                return self.read(key, nil, isUsed: false, read)
            }
            return self.read(key, node, isUsed: true, read)
        }
        let usual = self.read(key, nil, isUsed: false, read)
        return reader.flag(node, pathOf(key), orMapping: true) ?? isOn ? usual : nil
    }

    /// The mappings of a list; none when the key is missing.
    public mutating func sections<T>(_ key: String, _ read: (inout ServiceSettings) -> T) -> [T] {
        let node = value(key, "list of mappings")
        guard let node, let elements = reader.elements(node, pathOf(key)) else {
            _ = self.read(key, nil, isUsed: false, read)
            return []
        }
        if elements.isEmpty { report(key, "is an empty list") }
        return elements.map { self.read(key, $0.node, path: $0.key, isUsed: true, read) }
    }

    /// The name of another service, of the same file or made before, that this one cannot be without.
    ///
    /// ``ServiceClients/service(_:as:)`` gives it out when this one is made, which is after it.
    public mutating func requiredService(_ key: String) -> String {
        guard let node = value(key, "name of a service", isNeeded: true) else {
            missing(key)
            return ""
        }
        guard let name = reader.text(node, pathOf(key)) else { return "" }
        refer(to: name, key, node)
        return name
    }
}
