import ConfigurationFiles
import Yams

/// The `on:` part of a handler: which channel, which types.
struct Trigger {
    let source: HandlerConfiguration.Source
    let types: TypeFilter

    private static let later = ["stream", "group", "queue"]

    init?(_ node: Node, _ key: String, _ reader: inout ConfigurationReader) {
        guard let section = reader.section(node, key, known: ["channel", "type"] + Self.later) else { return nil }
        for name in Self.later {
            guard let node = section.values[name] else { continue }
            reader.report(node, section.path(name), "is not available in this version; use 'channel'")
        }
        let types = section.values["type"].map { Self.types($0, section.path("type"), &reader) } ?? []
        guard let node = section.values["channel"] else {
            if !Self.later.contains(where: { section.values[$0] != nil }) {
                reader.report(section.node, section.path("channel"), "is missing")
            }
            return nil
        }
        guard let channel = reader.text(node, section.path("channel")) else { return nil }
        source = Glob.isPattern(channel) ? .pattern(channel) : .channel(channel)
        self.types = TypeFilter(globs: types)
    }

    private static func types(_ node: Node, _ key: String, _ reader: inout ConfigurationReader) -> [Glob] {
        guard node.sequence != nil else { return reader.text(node, key).map { [Glob($0)] } ?? [] }
        guard let elements = reader.elements(node, key) else { return [] }
        if elements.isEmpty { reader.report(node, key, "is empty: leave it out to take every type") }
        return elements.compactMap { element in reader.text(element.node, element.key).map { Glob($0) } }
    }
}
